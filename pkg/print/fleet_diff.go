package print

import (
	"io"
	"strconv"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// FleetDiff writes what became of several clusters, in one of the formats of a diff.
func FleetDiff(w io.Writer, d *report.FleetDiff, format string, o Options) error {
	d = cleanFleetDiff(d)
	if format == "json" {
		return encodeJSON(w, d)
	}
	p := newPage(w, o, format == "wide")
	p.fleetSide("before: ", d.Before)
	p.fleetSide("after: ", d.After)
	p.print()
	for _, l := range table(fleetDiffRows(d)) {
		p.print(l)
	}
	for _, one := range d.Items {
		if !one.Changed() && !p.full {
			continue
		}
		title := "context: " + one.After.Cluster.Context
		p.print()
		p.print(p.paint(bold, title))
		p.print(strings.Repeat("=", len(title)))
		if err := p.diff(one); err != nil {
			return err
		}
	}
	p.print()
	return p.verdict(d.ExitCode(checks.Info), d.Summary)
}

func cleanFleetDiff(d *report.FleetDiff) *report.FleetDiff {
	out := *d
	out.Tool.Version, out.Summary = line(d.Tool.Version), line(d.Summary)
	for _, s := range []*report.FleetSide{&out.Before, &out.After} {
		s.Source, s.Summary, s.Verdict = line(s.Source), line(s.Summary), report.Verdict(line(string(s.Verdict)))
	}
	out.Added, out.Removed = each(d.Added, cleanMember), each(d.Removed, cleanMember)
	out.Items = each(d.Items, cleanDiff)
	return &out
}

func (p *page) fleetSide(lead string, s report.FleetSide) {
	p.prose("", lead, s.Source+": "+s.Summary)
}

// fleetDiffRows is a line for each cluster: what its verdict was and is, and how much is new and gone.
func fleetDiffRows(d *report.FleetDiff) [][]string {
	rows := [][]string{{"CLUSTER", "BEFORE", "AFTER", "NEW", "GONE", "NO LONGER SEEN", "NODES CHANGED"}}
	words := func(v report.Verdict) string { return report.FleetWords("doctor", v) }
	for _, one := range d.Items {
		appeared, gone, lost := 0, 0, 0
		for _, f := range one.Findings {
			switch f.Change {
			case report.Appeared, report.Unwaived:
				appeared++
			case report.Gone:
				gone++
			case report.Unseen:
				lost++
			}
		}
		for _, g := range one.Gaps {
			if g.Change == report.Lost {
				lost++
			}
		}
		row := []string{one.After.Cluster.Context, words(one.Before.Verdict), words(one.After.Verdict)}
		for _, n := range []int{appeared, gone, lost, len(one.Nodes)} {
			row = append(row, strconv.Itoa(n))
		}
		rows = append(rows, row)
	}
	for _, m := range d.Added {
		found := prose.Counted(m.Errors, "error") + ", " + prose.Counted(m.Warnings, "warning")
		rows = append(rows, []string{m.Context, "(not there)", words(m.Verdict), found, "-", "-", "-"})
	}
	for _, m := range d.Removed {
		rows = append(rows, []string{m.Context, words(m.Verdict), "(not there)", "-", "-", "all of it", "-"})
	}
	return rows
}
