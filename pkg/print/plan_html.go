package print

import (
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

var planBadges = map[plan.Status]badge{
	plan.Ready: {"pass", "✓", "ready"}, plan.Ask: {"info", "i", "ask"}, plan.Unknown: badgeUnknown,
	plan.Blocked: {"error", "✕", "not yet"}, plan.Done: {"waived", "✓", "native"},
}

// planDocument is a plan as one page that needs nothing else.
func planDocument(w io.Writer, p *plan.Plan) error {
	about := &report.Report{Summary: planSummary(p), Cluster: report.Cluster{Server: p.Server}, TakenAt: p.TakenAt}
	about.Tool.Version = p.Tool
	page := &htmlPage{Report: about, command: "plan", answer: badge{"pass", "✓", "Nothing to move"}}
	switch p.ExitCode() {
	case plan.ExitToMove:
		page.answer = badge{"info", "i", "Something to move"}
	case plan.ExitUnknown:
		page.answer = badge{"unknown", "?", "Unknown"}
	}
	page.add(planSections(p)...)
	return page.write(w)
}

func planSections(p *plan.Plan) []*html.Node {
	var out []*html.Node
	for _, wave := range plan.Waves {
		out = append(out, waveSection(p, wave))
	}
	if gaps := planGaps(p); len(gaps) > 0 {
		out = append(out, el("section", el("h2", "Not read"), codeList("evidence", gaps[2:])))
	}
	if limits := planLimits(p); len(limits) > 0 {
		out = append(out, el("section", el("h2", "Not in the plan"), codeList("evidence", limits[2:])))
	}
	return out
}

func waveSection(p *plan.Plan, wave plan.Wave) *html.Node {
	var rows [][]*html.Node
	for i := range p.Rows {
		r := &p.Rows[i]
		if r.Wave != wave {
			continue
		}
		var todo []string
		for _, b := range r.Blocks {
			if step := Unblock(b); !slices.Contains(todo, step) {
				todo = append(todo, step)
			}
		}
		b := planBadges[r.Status]
		rows = append(rows, []*html.Node{
			el("td", el("code", r.Kind+" "+r.Namespace+"/"+r.Name)), el("td", el("span", class("badge "+b.Class), b.Word)), el("td", sentence(planSidecars(r))),
			el("td", dash(gainWords(r.Gains))), el("td", sentence(planAnswer(r))), el("td", sentence(dash(strings.Join(todo, ". ")))),
			el("td", nodeWords(r.Nodes)), el("td", ownerWords(r.Owner)), el("td", dash(changeWords(r))),
		})
	}
	if len(rows) == 0 {
		return nil
	}
	return el("section", el("h2", waveTitles[wave]), htmlTable(nil,
		[]string{"workload", "status", "sidecar", "gain", "can it move", "to do first", "nodes", "owner", "also changes"}, rows))
}
