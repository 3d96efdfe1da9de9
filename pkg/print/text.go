package print

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// text is for people: what is wrong, on how many objects, one example of the evidence, the fix.
// It fits 80 columns and a ticket.
func text(w io.Writer, r *report.Report, o Options) error { return newPage(w, o, false).report(r) }

const (
	examples     = 5 // objects named in a group, and groups shown of one check
	evidenceSize = 4 // lines of evidence of the first object
)

func (p *page) report(r *report.Report) error {
	p.header(r)
	for _, category := range categories(r) {
		list := p.entriesOf(r, category)
		if len(list) == 0 && category == checks.Manifests {
			continue
		}
		p.print()
		p.heading(string(category))
		if category == checks.Nodes {
			p.nodes(r.Nodes)
		}
		for _, e := range list {
			if !p.repeats(r, e) {
				p.entry(e)
			}
		}
	}
	p.footer(r)
	return p.w.Flush()
}

// entriesOf are the checks of a category of which something is said.
func (p *page) entriesOf(r *report.Report, category checks.Category) []report.Entry {
	var out []report.Entry
	for _, e := range r.Checks {
		if e.Category == category && e.Status != checks.Skipped && (p.full || !settled(r, e) && !quiet(r, e)) {
			out = append(out, e)
		}
	}
	return out
}

// categories are those of the checks that ran, and that of the nodes where there are any.
func categories(r *report.Report) []checks.Category {
	var out []checks.Category
	for _, e := range r.Checks {
		if e.Status != checks.Skipped && !slices.Contains(out, e.Category) {
			out = append(out, e.Category)
		}
	}
	if len(r.Nodes) > 0 && !slices.Contains(out, checks.Nodes) {
		out = append(out, checks.Nodes)
	}
	return out
}

func (p *page) heading(text string) {
	p.print(p.paint(bold, text))
	p.print(strings.Repeat("-", len(text)))
}

func (p *page) header(r *report.Report) {
	if r.Manifests != nil && r.Cluster.Server == "" {
		p.prose("", "manifests: ", manifestsLine(r)+", evaluated by kubectl-sidecar "+r.Tool.Version)
		p.limits(r)
		return
	}
	cluster := r.Cluster.Server
	if cluster == "" {
		cluster = "not named in the file"
	}
	if r.Cluster.Version != "" {
		cluster += ", Kubernetes " + r.Cluster.Version
	}
	taken := "at an unknown time"
	if !r.TakenAt.IsZero() {
		taken = r.TakenAt.UTC().Format(time.RFC3339)
	}
	p.prose("", "cluster: ", cluster)
	p.prose("", "collected: ", taken+", evaluated by kubectl-sidecar "+r.Tool.Version)
	if r.Manifests != nil {
		p.prose("", "manifests: ", manifestsLine(r))
	}
	p.limits(r)
	if r.Settled != nil {
		p.prose("", "gates: ", fmt.Sprintf("no longer matter: every API server and kubelet is Kubernetes %s or newer, and from 1.33 on no gate can turn native sidecars off", r.Settled.Oldest))
	}
}

func (p *page) limits(r *report.Report) {
	for _, limit := range r.Limits {
		p.prose("", "limited: ", limit)
	}
}

// quiet reports whether nothing need be said of a check: lint shows what to change, and its last line counts.
func quiet(r *report.Report, e report.Entry) bool {
	return r.Manifests != nil && e.Status == checks.Pass
}

// repeats reports whether all that is to be said of a check is a gap that was shown above; lint counts those.
func (p *page) repeats(r *report.Report, e report.Entry) bool {
	unshown := func(g *gapGroup) bool { return p.shown[g.id()] == "" }
	return r.Manifests != nil && !p.full && e.Status == checks.Unknown && !slices.ContainsFunc(groupGaps(e.Missing), unshown)
}

// settled reports whether a check is one that the line about gates speaks for.
func settled(r *report.Report, e report.Entry) bool {
	return r.Settled != nil && e.Status == checks.Pass && slices.Contains(r.Settled.Checks, e.ID)
}

func (p *page) footer(r *report.Report) {
	p.waivers(r)
	p.print()
	if skipped := skippedIDs(r); len(skipped) > 0 {
		p.prose("", "not selected: ", p.skipped(skipped))
	}
	if len(r.Ignored) > 0 {
		p.prose("", "ignored: ", ignoredObjects(r.Ignored))
	}
	if len(r.Meanwhile) > 0 {
		p.steps("", "meanwhile: ", r.Meanwhile)
		p.print()
	}
	m := markUnknown
	switch r.Verdict {
	case report.Ready:
		m = markPass
	case report.NotReady:
		m = markFail
	}
	p.marked(m, p.paint(bold, r.Summary))
}

// skipped names the checks that were deselected, unless nearly all were. It does not count them: nobody's
// expected output changes because there is one check more.
func (p *page) skipped(ids []string) string {
	if p.full || len(ids) <= examples {
		return strings.Join(ids, ", ")
	}
	return "all other checks (list them with -o wide)"
}

func skippedIDs(r *report.Report) []string {
	var ids []string
	for _, e := range r.Checks {
		if e.Status == checks.Skipped {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// ignoredObjects says what of an input file was of no use: "12 objects (10 secret, 2 configmap)".
func ignoredObjects(ignored []report.Ignored) string {
	total := 0
	var kinds []string
	for _, i := range ignored {
		total += i.Count
		kinds = append(kinds, fmt.Sprintf("%d %s", i.Count, i.Kind))
	}
	return fmt.Sprintf("%s that no check looks at (%s)", prose.Counted(total, "object"), strings.Join(kinds, ", "))
}

func (p *page) entry(e report.Entry) {
	line := e.Title
	if p.full || e.Status == checks.Unknown || e.Status == report.Waived {
		line += " [" + e.ID + "]"
	}
	if e.Tried != "" && e.Status == checks.Pass {
		line += " - " + e.Tried
	}
	p.marked(markOf(e), line)
	if e.Tried != "" && e.Status != checks.Pass {
		p.prose("    ", "checked: ", e.Tried)
	}
	groups := groupFindings(e.Findings)
	for i, g := range groups {
		if !p.full && i == examples {
			p.prose("    ", "", fmt.Sprintf("+%d more with -o wide", len(groups)-i))
			break
		}
		p.finding(g)
	}
	p.missing(e)
	p.waived(e)
	if e.Status == checks.Fail {
		p.print("    see: kubectl sidecar explain ", e.ID)
	}
}

func (p *page) finding(g *findingGroup) {
	p.prose("    ", "", g.message)
	if objects := g.objects(); len(objects) > 0 {
		p.prose("      ", "on"+howMany(objects)+": ", p.some(objects))
	}
	if len(g.because) > 0 {
		p.prose("      ", "because: ", strings.Join(g.because, ", "))
	}
	p.evidence(g)
	p.steps("      ", "fix: ", g.steps)
}

// some names a few and counts the rest.
func (p *page) some(names []string) string {
	if p.full {
		return strings.Join(names, ", ")
	}
	return atMost(examples, names)
}

func atMost(n int, names []string) string {
	if len(names) <= n+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s, +%d more", strings.Join(names[:n], ", "), len(names)-n)
}

// one is for names that were listed before.
func one(names []string) string { return atMost(1, names) }

// howMany counts what some cuts short.
func howMany(names []string) string {
	if len(names) <= examples+1 {
		return ""
	}
	return " " + strconv.Itoa(len(names))
}

// evidence is all of it in full, else that of the first object. What is the same for every object
// is said once; otherwise each line says whose it is.
func (p *page) evidence(g *findingGroup) {
	findings := g.findings
	if g.sameEvidence() {
		findings = findings[:1]
	}
	left := 0
	for i, f := range findings {
		whose := ""
		if len(findings) > 1 {
			whose = whereOf(f) + ": "
		}
		for j, evidence := range f.Evidence {
			if !p.full && (i > 0 || j >= evidenceSize) {
				left++
				continue
			}
			p.prose("      ", "evidence: ", whose+evidence)
		}
	}
	if left > 0 {
		p.prose("      ", "evidence: ", fmt.Sprintf("(%s more with -o wide)", prose.Counted(left, "line")))
	}
}

// missing is what the check would have had to see. A gap that many checks have in common is
// explained once.
func (p *page) missing(e report.Entry) {
	groups := p.unshown(groupGaps(e.Missing))
	for i, g := range groups {
		if !p.full && i == examples {
			p.prose("    ", "", fmt.Sprintf("not seen: +%d more with -o wide", len(groups)-i))
			return
		}
		p.shown[g.id()] = e.ID
		p.prose("    ", "not seen: ", g.what(p.some))
		reason := g.reason
		if !g.same {
			reason = "for example: " + reason
		}
		p.prose("      ", "why: ", reason)
		p.remedy("      ", g.remedy)
	}
}

// unshown refers to the gaps that were shown before, and returns the others.
func (p *page) unshown(groups []*gapGroup) []*gapGroup {
	var rest []*gapGroup
	var places []string
	again := map[string][]string{}
	for _, g := range groups {
		above, found := p.shown[g.id()]
		if !found {
			rest = append(rest, g)
			continue
		}
		if again[above] == nil {
			places = append(places, above)
		}
		again[above] = append(again[above], g.what(one))
	}
	for _, above := range places {
		p.prose("    ", "not seen: ", fmt.Sprintf("%s (see %s above)", strings.Join(again[above], ", "), above))
	}
	return rest
}
