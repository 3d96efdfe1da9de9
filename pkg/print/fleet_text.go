package print

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// fleetText is a table of the clusters, then each thing that is wrong once, with the clusters that have it: who runs
// thirty of them fixes one thing in ten places, not ten clusters.
func fleetText(w io.Writer, f *report.Fleet, o Options) error {
	p := newPage(w, o, false)
	p.fleetTable(f)
	p.fleetProblems(fleetProblems(f), len(f.Clusters))
	p.fleetUnreached(unreachedOf(f))
	p.fleetHoles(f, fleetHoles(f))
	p.print()
	for _, n := range fleetNotes(f, limitsOf) {
		p.prose("", "limited"+p.inSome(n.clusters, len(f.Clusters))+": ", n.text)
	}
	for _, n := range fleetNotes(f, idleLines) {
		p.prose("", "", n.text+p.inSome(n.clusters, len(f.Clusters)))
	}
	p.prose("", "", "commands are for the cluster that is named: add --context NAME; everything about each cluster: -o wide")
	p.fleetSummary(f)
	return p.w.Flush()
}

// fleetWide is the table, and below it everything about each cluster.
func fleetWide(w io.Writer, f *report.Fleet, o Options) error {
	p := newPage(w, o, true)
	p.fleetTable(f)
	for _, r := range f.Items {
		p.print()
		p.print(p.paint(bold, "context: "+r.Cluster.Context))
		p.print(strings.Repeat("=", twwidth.Width("context: "+r.Cluster.Context)))
		if r.Unreached != nil {
			p.fleetUnreached([]*report.Report{r})
			continue
		}
		if err := p.w.Flush(); err != nil {
			return err
		}
		one := newPage(w, o, true)
		show := one.report
		if f.Command == "why" {
			show = one.why
		}
		if err := show(r); err != nil {
			return err
		}
	}
	p.print()
	p.fleetSummary(f)
	return p.w.Flush()
}

func (p *page) fleetSummary(f *report.Fleet) {
	p.marked(verdictMark(f.Verdict), p.paint(bold, f.Summary))
}

func verdictMark(v report.Verdict) mark {
	switch v {
	case report.Ready:
		return markPass
	case report.NotReady:
		return markFail
	case report.InProgress:
		return markProgress
	}
	return markUnknown
}

// firstRoom is the least that the last column of the table has.
const firstRoom = 30

// fleetTable is a line for each cluster. What to look at first has what room is left.
func (p *page) fleetTable(f *report.Fleet) {
	rows := fleetRows(f)
	used := 0
	for column := range rows[0][:len(rows[0])-1] {
		width := 0
		for _, row := range rows {
			width = max(width, twwidth.Width(row[column]))
		}
		used += width + len("  ")
	}
	for i, row := range rows {
		if i == 0 {
			continue
		}
		verdict := verdictMark(f.Clusters[i-1].Verdict)
		symbol := verdict.symbol
		if !p.o.Unicode {
			symbol = verdict.ascii
		}
		row[verdictColumn(row)] = symbol + " " + row[verdictColumn(row)]
		if last := len(row) - 1; p.o.Width > 0 {
			row[last] = cutEnd(row[last], max(p.o.Width-used-len("[FAIL] "), firstRoom))
		}
	}
	for _, l := range table(rows) {
		p.print(l)
	}
}

// verdictColumn is that of the verdict: five more follow it.
func verdictColumn(row []string) int { return len(row) - 5 }

// fleetRows is the table of clusters as text, the first row its header. Versions are left out where none is known, as
// of `why`, which does not ask.
func fleetRows(f *report.Fleet) [][]string {
	header := []string{"CLUSTER", "VERSION", "VERDICT", "ERRORS", "WARNINGS", "UNKNOWN", "FIRST"}
	if f.Command == "why" {
		header = []string{"CLUSTER", "VERSION", "VERDICT", "CAUSES", "UNKNOWN", "IN PROGRESS", "FIRST"}
	}
	rows := [][]string{header}
	versions := false
	for _, m := range f.Clusters {
		versions = versions || m.Version != ""
		counts := []int{m.Errors, m.Warnings, m.Unknown}
		if f.Command == "why" {
			counts = []int{m.Errors, m.Unknown, m.InProgress}
		}
		row := []string{m.Context, dash(m.Version), report.FleetWords(f.Command, m.Verdict)}
		for _, n := range counts {
			text := strconv.Itoa(n)
			if !m.Reached {
				text = "-"
			}
			row = append(row, text)
		}
		rows = append(rows, append(row, dash(firstLine(m))))
	}
	if versions {
		return rows
	}
	for i, row := range rows {
		rows[i] = append(row[:1:1], row[2:]...)
	}
	return rows
}

// firstLine is what to look at first in one line.
func firstLine(m report.Member) string {
	switch {
	case m.First == nil:
		return ""
	case !m.Reached:
		return "not reached: " + m.First.Message
	case m.First.Object != "":
		return m.First.Object + ": " + m.First.Message
	}
	return m.First.Message
}

// inSome says in which clusters something is so, unless it is so in all.
func (p *page) inSome(clusters []string, total int) string {
	if len(clusters) == total {
		return ""
	}
	return fmt.Sprintf(" (in %s: %s)", prose.Of(len(clusters), total, "cluster"), p.some(clusters))
}

func (p *page) fleetProblems(list []*fleetProblem, total int) {
	if len(list) == 0 {
		return
	}
	p.print()
	p.heading("findings")
	for _, g := range list {
		title := g.title
		if g.id != "" && g.id != g.title {
			title += " [" + g.id + "]"
		}
		p.marked(g.mark, title)
		p.prose("    ", "in "+prose.Of(len(g.clusters), total, "cluster")+": ", p.some(g.clusters))
		where := g.clusters[0]
		if g.where != "" {
			where += ", " + g.where
		}
		p.prose("    ", "there: ", where+": "+g.message)
		p.steps("    ", g.fix+" in "+g.clusters[0]+": ", g.steps)
		if g.id != "" {
			p.print("    see: kubectl sidecar explain ", g.id)
		}
	}
}

func (p *page) fleetUnreached(list []*report.Report) {
	if len(list) == 0 {
		return
	}
	if !p.full {
		p.print()
		p.heading("not reached")
	}
	for _, r := range list {
		where := r.Cluster.Context
		if r.Cluster.Server != "" {
			where += " (" + r.Cluster.Server + ")"
		}
		p.marked(markUnknown, where+": "+r.Unreached.Reason)
		if r.Unreached.Remedy != "" {
			p.block("    ", "remedy: ", r.Unreached.Remedy)
		}
	}
}

func (p *page) fleetHoles(f *report.Fleet, list []*fleetHole) {
	if len(list) == 0 {
		return
	}
	p.print()
	p.heading("not seen")
	for i, h := range list {
		if i == examples && len(list) > i+1 {
			p.prose("", "", fmt.Sprintf("+%d more with -o wide", len(list)-i))
			return
		}
		p.marked(markUnknown, fmt.Sprintf("%s [%s]", h.what(p.some), p.some(h.ids)))
		p.prose("    ", "in "+prose.Of(len(h.clusters), len(f.Clusters), "cluster")+": ", p.some(h.clusters))
		p.prose("    ", "why: ", h.why())
		p.remedy("    ", h.remedy)
	}
}

// Measures of the short form of a fleet: with the summary and the tool it has fifteen lines.
const shortClusters = 12

// fleetShort is a line for each cluster that is not well, the worst first.
func fleetShort(w io.Writer, f *report.Fleet, _ Options) error {
	s := &summarized{}
	s.add("%s", f.Summary)
	var list []report.Member
	for _, m := range f.Clusters {
		if m.Verdict != report.Ready || m.First != nil {
			list = append(list, m)
		}
	}
	for i, m := range list {
		if i == shortClusters && len(list) > i+1 {
			s.add("[...] %s more", prose.Counted(len(list)-i, "cluster"))
			break
		}
		text := fmt.Sprintf("[%s] %s", report.FleetWords(f.Command, m.Verdict), m.Context)
		if first := firstLine(m); first != "" {
			text += ": " + cutEnd(first, shortWhat)
		}
		if m.First != nil && m.First.Check != "" {
			text += " [" + m.First.Check + "]"
		}
		s.add("%s", text)
	}
	s.add("kubectl-sidecar %s %s", f.Tool.Version, f.Command)
	_, err := io.WriteString(w, s.out.String())
	return err
}
