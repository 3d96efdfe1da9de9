package print

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// A findingGroup is findings that say the same of several objects.
type findingGroup struct {
	message, fix string
	steps        []checks.Step
	because      []string
	findings     []checks.Finding
}

// groupFindings keeps the order in which messages first appear.
func groupFindings(findings []checks.Finding) []*findingGroup {
	var groups []*findingGroup
	index := map[string]*findingGroup{}
	for _, f := range findings {
		key := strings.Join(append([]string{f.Message, f.Fix}, f.Because...), "\x00")
		g := index[key]
		if g == nil {
			g = &findingGroup{message: f.Message, fix: f.Fix, steps: stepsOf(f.Steps, f.Fix), because: f.Because}
			index[key] = g
			groups = append(groups, g)
		}
		g.findings = append(g.findings, f)
	}
	return groups
}

func (g *findingGroup) objects() []string {
	var names []string
	for _, f := range g.findings {
		if name := whereOf(f); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// whereOf is the object of a finding, after its place where it is about a manifest.
func whereOf(f checks.Finding) string {
	name := report.ObjectName(f.Object)
	switch {
	case f.Place.File == "":
		return name
	case name == "":
		return f.Place.String()
	}
	return fmt.Sprintf("%s (%s)", f.Place, name)
}

func (g *findingGroup) sameEvidence() bool {
	for _, f := range g.findings[1:] {
		if !slices.Equal(f.Evidence, g.findings[0].Evidence) {
			return false
		}
	}
	return true
}

// A gapGroup is gaps of one kind that have the same reason and remedy.
type gapGroup struct {
	kind   facts.Kind
	reason string       // of the first
	remedy facts.Remedy // of the first
	same   bool         // whether all reasons are equal to the letter
	scopes []string
	key    string
}

// groupGaps puts together what differs only in the name or address of the instance: the same
// refusal for a thousand nodes is one thing to read.
func groupGaps(gaps []facts.Gap) []*gapGroup {
	var groups []*gapGroup
	index := map[string]*gapGroup{}
	for _, gap := range gaps {
		key := strings.Join([]string{string(gap.Kind), pattern(gap.Reason, gap.Instance), pattern(gap.Remedy, gap.Instance)}, "\x00")
		g := index[key]
		if g == nil {
			g = &gapGroup{kind: gap.Kind, reason: gap.Reason, remedy: gap.HowToClose(), same: true, key: key}
			index[key] = g
			groups = append(groups, g)
		}
		g.same = g.same && g.reason == gap.Reason
		if gap.Scope != "" {
			g.scopes = append(g.scopes, gap.Scope)
		}
	}
	return groups
}

// id is the same for the same gaps under another check.
func (g *gapGroup) id() string { return g.key + strings.Join(g.scopes, "\x00") }

// what names the kind and, by means of names, the instances.
func (g *gapGroup) what(names func([]string) string) string {
	if len(g.scopes) == 0 {
		return string(g.kind)
	}
	if n := howMany(g.scopes); n != "" {
		return string(g.kind) + " of" + n + ": " + names(g.scopes)
	}
	return string(g.kind) + " of " + names(g.scopes)
}

var address = regexp.MustCompile(`\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b`)

// pattern is text without what tells one instance from another.
func pattern(text string, i facts.Instance) string {
	if i.Name != "" {
		text = strings.ReplaceAll(text, i.Name, "\x01")
	}
	return address.ReplaceAllString(text, "\x02")
}
