package print

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// A DiffPrinter writes a diff. It decides nothing.
type DiffPrinter func(w io.Writer, d *report.Diff, o Options) error

// DiffFormats is every output format of a diff, the default first.
var DiffFormats = []struct {
	Name  string
	Print DiffPrinter
}{
	{"text", func(w io.Writer, d *report.Diff, o Options) error { return newPage(w, o, false).diff(cleanDiff(d)) }},
	{"wide", func(w io.Writer, d *report.Diff, o Options) error { return newPage(w, o, true).diff(cleanDiff(d)) }},
	{"json", func(w io.Writer, d *report.Diff, _ Options) error {
		return encodeJSON(w, cleanDiff(d))
	}},
}

// cleanDiff is clean for a diff.
func cleanDiff(d *report.Diff) *report.Diff {
	out := *d
	out.Tool.Version, out.Summary = line(d.Tool.Version), line(d.Summary)
	for _, s := range []*report.Side{&out.Before, &out.After} {
		s.Source, s.Summary, s.Verdict = line(s.Source), line(s.Summary), report.Verdict(line(string(s.Verdict)))
		s.Cluster = cleanCluster(s.Cluster)
	}
	out.Findings = each(d.Findings, func(f report.FindingDiff) report.FindingDiff {
		f.Check, f.Object, f.Before, f.After, f.Fix = line(f.Check), line(f.Object), line(f.Before), line(f.After), block(f.Fix)
		f.Steps = cleanSteps(f.Steps)
		return f
	})
	out.Gaps = each(d.Gaps, func(g report.GapDiff) report.GapDiff {
		g.Check, g.Kind, g.Scope, g.Reason = line(g.Check), facts.Kind(line(string(g.Kind))), line(g.Scope), line(g.Reason)
		return g
	})
	state := func(s report.NodeState) report.NodeState {
		return report.NodeState{Version: line(s.Version), Gate: line(s.Gate)}
	}
	out.Nodes = each(d.Nodes, func(n report.NodeDiff) report.NodeDiff {
		return report.NodeDiff{Name: line(n.Name), Before: state(n.Before), After: state(n.After)}
	})
	out.NotCompared = lines(d.NotCompared)
	return &out
}

func (p *page) diff(d *report.Diff) error {
	p.side("before: ", d.Before)
	p.side("after: ", d.After)
	if a, b := d.Before.Cluster.Server, d.After.Cluster.Server; a != b && a != "" && b != "" {
		p.prose("", "note: ", "these are two clusters")
	}
	p.nodeDiffs(d.Nodes)
	for _, part := range []struct {
		change report.Change
		title  string
	}{
		{report.Appeared, "new findings"}, {report.Unwaived, "findings that are no longer waived"}, {report.Unseen, "findings that may be gone"},
		{report.Changed, "changed findings"}, {report.WaivedNow, "findings that are waived now"}, {report.Gone, "findings that are gone"},
	} {
		p.findingDiffs(part.change, part.title, d.Findings)
	}
	p.gapDiffs(report.Lost, "no longer seen", d.Gaps)
	p.gapDiffs(report.Regained, "seen again", d.Gaps)
	p.print()
	if len(d.NotCompared) > 0 {
		p.prose("", "not compared: ", p.skipped(d.NotCompared))
	}
	return p.verdict(d.ExitCode(checks.Info), d.Summary)
}

// verdict is the last line of a diff.
func (p *page) verdict(code int, summary string) error {
	m := markPass
	switch code {
	case report.ExitFindings:
		m = markFail
	case report.ExitUnknown:
		m = markUnknown
	}
	p.marked(m, p.paint(bold, summary))
	return p.w.Flush()
}

func (p *page) side(lead string, s report.Side) {
	text := s.Source
	if s.Cluster.Server != "" {
		text += ", " + s.Cluster.Server
	}
	if s.Cluster.Version != "" {
		text += ", Kubernetes " + s.Cluster.Version
	}
	if !s.TakenAt.IsZero() {
		text += ", collected " + s.TakenAt.UTC().Format(time.RFC3339)
	}
	p.prose("", lead, text)
	p.prose("  ", "", s.Summary)
}

// nodeDiffs puts together the nodes to which the same happened.
func (p *page) nodeDiffs(list []report.NodeDiff) {
	if len(list) == 0 {
		return
	}
	p.print()
	p.heading("nodes")
	groups := grouped(list, func(n report.NodeDiff) string { return nodeStateText(n.Before) + "\x00" + nodeStateText(n.After) })
	for _, g := range groups {
		var names []string
		for _, n := range g {
			names = append(names, n.Name)
		}
		p.prose("", nodeDiffText(g[0])+": ", fmt.Sprintf("%s: %s", prose.Counted(len(names), "node"), p.some(names)))
	}
}

func nodeStateText(s report.NodeState) string {
	if s == (report.NodeState{}) {
		return ""
	}
	return fmt.Sprintf("%s, gate %s", dash(s.Version), s.Gate)
}

func nodeDiffText(n report.NodeDiff) string {
	switch {
	case n.Before == (report.NodeState{}):
		return "new, " + nodeStateText(n.After)
	case n.After == (report.NodeState{}):
		return "gone, " + nodeStateText(n.Before)
	}
	return nodeStateText(n.Before) + " -> " + nodeStateText(n.After)
}

func (p *page) findingDiffs(change report.Change, title string, all []report.FindingDiff) {
	list := slices.DeleteFunc(slices.Clone(all), func(f report.FindingDiff) bool { return f.Change != change })
	if len(list) == 0 {
		return
	}
	p.print()
	p.heading(title)
	for _, g := range grouped(list, func(f report.FindingDiff) string {
		return strings.Join([]string{f.Check, f.Before, f.After, f.Fix}, "\x00")
	}) {
		f := g[0]
		var objects []string
		for _, same := range g {
			objects = append(objects, same.Object)
		}
		message := f.After
		if message == "" {
			message = f.Before
		}
		p.marked(markOfDiff(f), fmt.Sprintf("%s [%s]", message, f.Check))
		p.prose("    ", "on"+howMany(objects)+": ", p.some(objects))
		switch change {
		case report.Appeared, report.Unwaived:
			p.steps("    ", "fix: ", stepsOf(f.Steps, f.Fix))
		case report.Changed:
			p.prose("    ", "before: ", f.Before)
		case report.Unseen:
			p.prose("    ", "", "the check does not see all it needs, and cannot tell")
		}
	}
}

func markOfDiff(f report.FindingDiff) mark {
	status := checks.Fail
	switch f.Change {
	case report.Gone:
		status = checks.Pass
	case report.WaivedNow:
		status = report.Waived
	case report.Unseen:
		status = checks.Unknown
	}
	return markOf(report.Entry{Status: status, Severity: f.Severity})
}

// gapDiffs says what can be seen, or not, in one of the reports only; each once, with its checks.
func (p *page) gapDiffs(change report.Change, title string, all []report.GapDiff) {
	list := slices.DeleteFunc(slices.Clone(all), func(g report.GapDiff) bool { return g.Change != change })
	if len(list) == 0 {
		return
	}
	p.print()
	p.heading(title)
	m := markUnknown
	if change == report.Regained {
		m = markPass
	}
	for _, g := range grouped(list, func(g report.GapDiff) string {
		return strings.Join([]string{string(g.Kind), g.Scope, g.Reason}, "\x00")
	}) {
		var ids []string
		for _, same := range g {
			ids = append(ids, same.Check)
		}
		what := string(g[0].Kind)
		if g[0].Scope != "" {
			what += " of " + g[0].Scope
		}
		p.marked(m, what+" ["+p.some(ids)+"]")
		if change == report.Lost {
			p.prose("    ", "why: ", g[0].Reason)
		}
	}
}
