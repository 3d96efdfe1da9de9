package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// ExitCode is 3 when there is a finding at or above failOn that was not there before, or did not count;
// else 4 when a check of that severity cannot see any more what it saw, or cannot tell whether what it
// found is gone; else 0. It does not depend on the format.
func (d *Diff) ExitCode(failOn checks.Severity) int {
	code := ExitOK
	for _, f := range d.Findings {
		switch {
		case f.Severity < failOn:
		case f.Change == Appeared || f.Change == Unwaived:
			return ExitFindings
		case f.Change == Unseen:
			code = ExitUnknown
		}
	}
	for _, g := range d.Gaps {
		if g.Severity >= failOn && g.Change == Lost {
			code = ExitUnknown
		}
	}
	return code
}

// A DiffPrinter writes a diff. It decides nothing.
type DiffPrinter func(w io.Writer, d *Diff, o Options) error

// DiffFormats is every output format of a diff, the default first.
var DiffFormats = []struct {
	Name  string
	Print DiffPrinter
}{
	{"text", func(w io.Writer, d *Diff, o Options) error { return newPage(w, o, false).diff(cleanDiff(d)) }},
	{"wide", func(w io.Writer, d *Diff, o Options) error { return newPage(w, o, true).diff(cleanDiff(d)) }},
	{"json", func(w io.Writer, d *Diff, _ Options) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(cleanDiff(d))
	}},
}

// cleanDiff is clean for a diff.
func cleanDiff(d *Diff) *Diff {
	out := *d
	out.Tool.Version, out.Summary = line(d.Tool.Version), line(d.Summary)
	for _, s := range []*Side{&out.Before, &out.After} {
		s.Source, s.Summary, s.Verdict = line(s.Source), line(s.Summary), Verdict(line(string(s.Verdict)))
		s.Cluster = Cluster{Server: line(s.Cluster.Server), Version: line(s.Cluster.Version)}
	}
	out.Findings = each(d.Findings, func(f FindingDiff) FindingDiff {
		f.Check, f.Object, f.Before, f.After, f.Fix = line(f.Check), line(f.Object), line(f.Before), line(f.After), block(f.Fix)
		return f
	})
	out.Gaps = each(d.Gaps, func(g GapDiff) GapDiff {
		g.Check, g.Kind, g.Scope, g.Reason = line(g.Check), facts.Kind(line(string(g.Kind))), line(g.Scope), line(g.Reason)
		return g
	})
	state := func(s NodeState) NodeState { return NodeState{Version: line(s.Version), Gate: line(s.Gate)} }
	out.Nodes = each(d.Nodes, func(n NodeDiff) NodeDiff {
		return NodeDiff{Name: line(n.Name), Before: state(n.Before), After: state(n.After)}
	})
	out.NotCompared = lines(d.NotCompared)
	return &out
}

// summary counts what happened, the worst first.
func (d *Diff) summary() string {
	counts := map[Change]int{}
	for _, f := range d.Findings {
		counts[f.Change]++
	}
	gaps := map[Change]int{}
	for _, g := range d.Gaps {
		gaps[g.Change]++
	}
	lead := fmt.Sprintf("%s before, %s now", inWords(d.Before.Verdict), inWords(d.After.Verdict))
	if d.Before.Verdict == d.After.Verdict {
		lead = "still " + inWords(d.After.Verdict)
	}
	var parts []string
	add := func(n int, format string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, n))
		}
	}
	add(counts[Appeared], "%d new")
	add(counts[Unwaived], "%d no longer waived")
	add(counts[Unseen], "%d that may be gone")
	add(counts[Changed], "%d changed")
	add(counts[WaivedNow], "%d now waived")
	add(counts[Gone], "%d gone")
	if len(parts) > 0 {
		parts = []string{"findings: " + strings.Join(parts, ", ")}
	}
	if n := gaps[Lost]; n > 0 {
		parts = append(parts, "not seen any more: "+number(n, "fact"))
	}
	if n := gaps[Regained]; n > 0 {
		parts = append(parts, "seen again: "+number(n, "fact"))
	}
	if len(d.Nodes) > 0 {
		parts = append(parts, number(len(d.Nodes), "node")+" changed")
	}
	if len(parts) == 0 {
		parts = []string{"nothing changed"}
	}
	return lead + "; " + strings.Join(parts, "; ")
}

func inWords(v Verdict) string { return strings.ReplaceAll(string(v), "-", " ") }

func (p *page) diff(d *Diff) error {
	p.side("before: ", d.Before)
	p.side("after: ", d.After)
	if a, b := d.Before.Cluster.Server, d.After.Cluster.Server; a != b && a != "" && b != "" {
		p.prose("", "note: ", "these are two clusters")
	}
	p.nodeDiffs(d.Nodes)
	for _, part := range []struct {
		change Change
		title  string
	}{
		{Appeared, "new findings"}, {Unwaived, "findings that are waived no longer"}, {Unseen, "findings that may be gone"},
		{Changed, "changed findings"}, {WaivedNow, "findings that are waived now"}, {Gone, "findings that are gone"},
	} {
		p.findingDiffs(part.change, part.title, d.Findings)
	}
	p.gapDiffs(Lost, "not seen any more", d.Gaps)
	p.gapDiffs(Regained, "seen again", d.Gaps)
	p.print()
	if len(d.NotCompared) > 0 {
		p.prose("", "not compared: ", p.skipped(d.NotCompared))
	}
	m := markPass
	switch d.ExitCode(checks.Info) {
	case ExitFindings:
		m = markFail
	case ExitUnknown:
		m = markUnknown
	}
	p.marked(m, p.paint(bold, d.Summary))
	return p.w.Flush()
}

func (p *page) side(lead string, s Side) {
	text := s.Source
	if s.Cluster.Server != "" {
		text += ", " + s.Cluster.Server
	}
	if s.Cluster.Version != "" {
		text += ", Kubernetes " + s.Cluster.Version
	}
	if !s.TakenAt.IsZero() {
		text += ", seen at " + s.TakenAt.UTC().Format(time.RFC3339)
	}
	p.prose("", lead, text)
	p.prose("  ", "", s.Summary)
}

// nodeDiffs puts together the nodes to which the same happened.
func (p *page) nodeDiffs(list []NodeDiff) {
	if len(list) == 0 {
		return
	}
	p.print()
	p.heading("nodes")
	groups := grouped(list, func(n NodeDiff) string { return n.Before.String() + "\x00" + n.After.String() })
	for _, g := range groups {
		var names []string
		for _, n := range g {
			names = append(names, n.Name)
		}
		p.prose("", g[0].what()+": ", fmt.Sprintf("%s: %s", number(len(names), "node"), p.some(names)))
	}
}

func (s NodeState) String() string {
	if s == (NodeState{}) {
		return ""
	}
	return fmt.Sprintf("%s, gate %s", dash(s.Version), s.Gate)
}

func (n NodeDiff) what() string {
	switch {
	case n.Before == (NodeState{}):
		return "new, " + n.After.String()
	case n.After == (NodeState{}):
		return "gone, " + n.Before.String()
	}
	return n.Before.String() + " -> " + n.After.String()
}

func (p *page) findingDiffs(change Change, title string, all []FindingDiff) {
	list := slices.DeleteFunc(slices.Clone(all), func(f FindingDiff) bool { return f.Change != change })
	if len(list) == 0 {
		return
	}
	p.print()
	p.heading(title)
	for _, g := range grouped(list, func(f FindingDiff) string { return strings.Join([]string{f.Check, f.Before, f.After, f.Fix}, "\x00") }) {
		f := g[0]
		var objects []string
		for _, same := range g {
			objects = append(objects, same.Object)
		}
		message := f.After
		if message == "" {
			message = f.Before
		}
		p.marked(f.mark(), fmt.Sprintf("%s [%s]", message, f.Check))
		p.prose("    ", "on"+howMany(objects)+": ", p.some(objects))
		switch change {
		case Appeared, Unwaived:
			p.block("    ", "fix: ", f.Fix)
		case Changed:
			p.prose("    ", "before: ", f.Before)
		case Unseen:
			p.prose("    ", "", "the check does not see all it needs, and cannot tell")
		}
	}
}

func (f FindingDiff) mark() mark {
	status := checks.Fail
	switch f.Change {
	case Gone:
		status = checks.Pass
	case WaivedNow:
		status = Waived
	case Unseen:
		status = checks.Unknown
	}
	return markOf(Entry{Status: status, Severity: f.Severity})
}

// gapDiffs says what can be seen, or not, in one of the reports only; each once, with its checks.
func (p *page) gapDiffs(change Change, title string, all []GapDiff) {
	list := slices.DeleteFunc(slices.Clone(all), func(g GapDiff) bool { return g.Change != change })
	if len(list) == 0 {
		return
	}
	p.print()
	p.heading(title)
	m := markUnknown
	if change == Regained {
		m = markPass
	}
	for _, g := range grouped(list, func(g GapDiff) string { return strings.Join([]string{string(g.Kind), g.Scope, g.Reason}, "\x00") }) {
		var ids []string
		for _, same := range g {
			ids = append(ids, same.Check)
		}
		what := string(g[0].Kind)
		if g[0].Scope != "" {
			what += " of " + g[0].Scope
		}
		p.marked(m, what+" ["+p.some(ids)+"]")
		if change == Lost {
			p.prose("    ", "why: ", g[0].Reason)
		}
	}
}
