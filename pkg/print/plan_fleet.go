package print

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// PlanFleet writes the plans of several clusters as one document.
func PlanFleet(w io.Writer, f *plan.Fleet, format string) error {
	f, err := cleanPlanFleet(f)
	if err != nil {
		return err
	}
	switch format {
	case "html":
		return planFleetDocument(w, f)
	case "json":
		return encodeJSON(w, f)
	case "yaml":
		return encodeYAML(w, "the plans", f)
	}
	lines := table(planFleetRows(f))
	if format == "wide" {
		lines = append(lines, planFleetWide(f)...)
	} else {
		lines = append(lines, planFleetBlocks(f)...)
		lines = append(lines, "", "the workloads of each cluster: -o wide; of one: --context NAME")
	}
	lines = append(lines, planFleetSummary(f))
	_, err = io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}

func cleanPlanFleet(f *plan.Fleet) (*plan.Fleet, error) {
	out := *f
	out.Tool = line(f.Tool)
	out.Clusters = each(f.Clusters, func(m plan.Member) plan.Member {
		m.Context, m.Server = line(m.Context), line(m.Server)
		return m
	})
	out.Items = make([]*plan.Plan, 0, len(f.Items))
	for _, p := range f.Items {
		c, err := cleanPlan(p)
		if err != nil {
			return nil, err
		}
		c.Context = line(p.Context)
		if p.Unreached != nil {
			c.Unreached = &plan.Unreached{Reason: line(p.Unreached.Reason), Remedy: block(p.Unreached.Remedy)}
		}
		out.Items = append(out.Items, c)
	}
	return &out, nil
}

func planFleetRows(f *plan.Fleet) [][]string {
	rows := [][]string{{"CLUSTER", "WORKLOADS", "READY", "ASK", "UNKNOWN", "BLOCKED", "NATIVE", "NOT READ", "FIRST"}}
	for i, m := range f.Clusters {
		row := []string{m.Context}
		for _, n := range []int{m.Looked, m.Ready, m.Ask, m.Unknown, m.Blocked, m.Done, m.Gaps} {
			text := strconv.Itoa(n)
			if !m.Reached {
				text = "-"
			}
			row = append(row, text)
		}
		rows = append(rows, append(row, planFirst(f.Items[i])))
	}
	return rows
}

// planFirst is the workload to begin with, else why nothing is known.
func planFirst(p *plan.Plan) string {
	switch {
	case p.Unreached != nil:
		return "not reached: " + p.Unreached.Reason
	case len(p.Rows) > 0:
		r := &p.Rows[0]
		return fmt.Sprintf("%s %s/%s: %s", r.Kind, r.Namespace, r.Name, planAnswer(r))
	case len(p.Gaps) > 0:
		return fmt.Sprintf("%s not read: %s", p.Gaps[0].Kind, p.Gaps[0].Reason)
	}
	return "-"
}

// planFleetBlocks says what stands in the way, once for all the clusters where it does, and what was not reached.
func planFleetBlocks(f *plan.Fleet) []string {
	type block struct {
		step      string
		clusters  []string
		workloads int
	}
	var list []*block
	index := map[string]*block{}
	for _, p := range f.Items {
		for i := range p.Rows {
			for _, b := range p.Rows[i].Blocks {
				step := Unblock(b)
				if index[step] == nil {
					index[step] = &block{step: step}
					list = append(list, index[step])
				}
				known := index[step]
				known.workloads++
				if len(known.clusters) == 0 || known.clusters[len(known.clusters)-1] != p.Context {
					known.clusters = append(known.clusters, p.Context)
				}
			}
		}
	}
	var out []string
	for i, b := range list {
		if i == 0 {
			out = append(out, "", "To do first:")
		}
		out = append(out, "- "+b.step, fmt.Sprintf("  for %s in %s: %s", prose.Counted(b.workloads, "workload"),
			prose.Of(len(b.clusters), len(f.Clusters), "cluster"), atMost(examples, b.clusters)))
	}
	heading := false
	for _, p := range f.Items {
		if p.Unreached != nil {
			if !heading {
				out, heading = append(out, "", "Not reached, and so unknown:"), true
			}
			out = append(out, planUnreached(p)...)
		}
	}
	return out
}

func planUnreached(p *plan.Plan) []string {
	out := []string{"? " + p.Context + ": " + p.Unreached.Reason}
	if p.Unreached.Remedy != "" {
		out = append(out, "  -> "+strings.ReplaceAll(p.Unreached.Remedy, "\n", "\n     "))
	}
	return out
}

// planFleetWide is the whole plan of each cluster.
func planFleetWide(f *plan.Fleet) []string {
	var out []string
	for _, p := range f.Items {
		title := "context: " + p.Context
		out = append(out, "", title, strings.Repeat("=", len(title)))
		if p.Unreached != nil {
			out = append(out, planUnreached(p)...)
			continue
		}
		out = append(append(append(out, planWaves(p, true)...), planGaps(p)...), planLimits(p)...)
	}
	return append(out, "")
}

func planFleetSummary(f *plan.Fleet) string {
	var toMove, unknown, unreached, nothing int
	for _, m := range f.Clusters {
		switch {
		case m.ExitCode == plan.ExitToMove:
			toMove++
		case !m.Reached:
			unknown, unreached = unknown+1, unreached+1
		case m.ExitCode == plan.ExitUnknown:
			unknown++
		default:
			nothing++
		}
	}
	var parts []string
	if toMove > 0 {
		parts = append(parts, fmt.Sprintf("%d with something to move", toMove))
	}
	if unknown > 0 {
		part := fmt.Sprintf("%d unknown", unknown)
		if unreached > 0 {
			part += fmt.Sprintf(" (%d not reached)", unreached)
		}
		parts = append(parts, part)
	}
	if nothing > 0 {
		parts = append(parts, fmt.Sprintf("%d with nothing to move", nothing))
	}
	return prose.Counted(len(f.Clusters), "cluster") + ": " + strings.Join(parts, ", ")
}

var planVerdicts = map[int]badge{
	plan.ExitToMove: {"info", "i", "Something to move"}, plan.ExitUnknown: {"unknown", "?", "Unknown"}, plan.ExitNothing: {"pass", "✓", "Nothing to move"},
}

// planFleetDocument is one page with a tile for each cluster, and its plan below.
func planFleetDocument(w io.Writer, f *plan.Fleet) error {
	about := &report.Report{Summary: planFleetSummary(f)}
	about.Tool.Version = f.Tool
	page := &htmlPage{Report: about, command: "plan", answer: planVerdicts[f.ExitCode], fleet: true}
	tiles := el("ul", class("tiles"))
	var members []*html.Node
	for i, p := range f.Items {
		m, answer := f.Clusters[i], planVerdicts[f.Clusters[i].ExitCode]
		counts := fmt.Sprintf("%s: ready %d, ask %d, blocked %d, unknown %d", prose.Counted(m.Looked, "workload"), m.Ready, m.Ask, m.Blocked, m.Unknown)
		body := el("div", class("body"), identity(anchorOf(i)), el("p", sentence(planSummary(p))))
		if p.Unreached != nil {
			counts, body = "nothing was read", el("div", class("body"), identity(anchorOf(i)), codeList("evidence", planUnreached(p)))
		} else {
			for _, section := range planSections(p) {
				within(section, anchorOf(i)+"-")
				add(body, section)
			}
		}
		add(tiles, el("li", class("tile "+answer.Class), el("p", class("name"), el("a", attribute{"href", "#" + anchorOf(i)}, p.Context)),
			el("p", answer.node()), el("p", class("tried"), counts), el("p", sentence(planFirst(p)))))
		members = append(members, el("details", class("check member"), openIf(len(f.Items) == 1),
			el("summary", answer.node(), " ", el("h2", p.Context)), body))
	}
	page.add(el("section", el("h2", "Clusters"), tiles))
	page.add(members...)
	return page.write(w)
}
