package print

import (
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// fleetMarkdown is the table of clusters, then what is wrong, each thing once with the clusters that have it.
func fleetMarkdown(w io.Writer, f *report.Fleet, o Options) error {
	m := &markdownPage{}
	title := f.Command
	if f.Command != "why" {
		title += ": " + report.FleetWords(f.Command, f.Verdict)
	}
	m.line("## %s kubectl sidecar %s", emoji[verdictMark(f.Verdict).symbol], title)
	m.line("")
	m.line("%s", mdText(f.Summary))
	m.line("")
	m.line("- evaluated by %s", mdText("kubectl-sidecar "+f.Tool.Version))
	for _, n := range fleetNotes(f, limitsOf) {
		m.line("- limited%s: %s", mdIn(n.clusters, len(f.Clusters)), mdText(n.text))
	}
	m.end()
	m.fleetTable(f)
	m.fleetProblems(fleetProblems(f), len(f.Clusters))
	m.fleetUnreached(unreachedOf(f))
	m.fleetHoles(fleetHoles(f), len(f.Clusters))
	if notes := fleetNotes(f, idleLines); len(notes) > 0 {
		m.line("### Waivers")
		m.line("")
		for _, n := range notes {
			m.line("- %s%s", mdText(n.text), mdIn(n.clusters, len(f.Clusters)))
		}
		m.end()
	}
	return m.write(w, o.Limit)
}

// mdIn says in which clusters something is so, unless it is so in all.
func mdIn(clusters []string, total int) string {
	if len(clusters) == total {
		return ""
	}
	return " (in " + names(clusters, markdownObjects) + ")"
}

func (m *markdownPage) fleetTable(f *report.Fleet) {
	rows := fleetRows(f)
	for i, row := range rows {
		for j := range row {
			switch {
			case i == 0:
				row[j] = strings.ToLower(row[j])
			case j == 0:
				row[j] = codeSpan(row[j])
			case j == verdictColumn(row):
				row[j] = emoji[verdictMark(f.Clusters[i-1].Verdict).symbol] + " " + row[j]
			default:
				row[j] = mdText(row[j])
			}
		}
	}
	m.line("### Clusters")
	m.line("")
	m.table(rows)
	m.end()
}

func (m *markdownPage) fleetProblems(list []*fleetProblem, total int) {
	if len(list) == 0 {
		return
	}
	m.line("### Findings")
	m.end()
	for _, g := range list {
		title := g.title
		if g.id != "" && g.id != g.title {
			title += " [" + g.id + "]"
		}
		m.fold(len(list) <= openProblems, fmt.Sprintf("%s in %s: %s", emoji[g.mark.symbol], prose.Of(len(g.clusters), total, "cluster"), proseHTML(title)))
		m.line("- in %s", names(g.clusters, markdownAll))
		where := codeSpan(g.clusters[0])
		if g.where != "" {
			where += ", " + codeSpan(g.where)
		}
		m.line("- %s: %s", where, mdText(g.message))
		m.fix(strings.ToUpper(g.fix[:1])+g.fix[1:]+" in "+codeSpan(g.clusters[0]), g.steps)
		if g.id != "" {
			m.line("")
			m.line("See %s", codeSpan("kubectl sidecar explain "+g.id))
		}
		m.unfold()
	}
}

func (m *markdownPage) fleetUnreached(list []*report.Report) {
	if len(list) == 0 {
		return
	}
	rows := [][]string{{"cluster", "why", "what to do"}}
	for _, r := range list {
		rows = append(rows, []string{codeSpan(r.Cluster.Context), mdText(r.Unreached.Reason), mdTextOrDash(strings.ReplaceAll(r.Unreached.Remedy, "\n", " "))})
	}
	m.line("### Not reached")
	m.line("")
	m.table(rows)
	m.end()
}

func (m *markdownPage) fleetHoles(list []*fleetHole, total int) {
	if len(list) == 0 {
		return
	}
	m.line("### Not seen")
	m.end()
	for _, h := range list {
		m.fold(false, fmt.Sprintf("%s in %s: %s", emoji[markUnknown.symbol], prose.Of(len(h.clusters), total, "cluster"), proseHTML(h.what(one))))
		m.line("- in %s", names(h.clusters, markdownAll))
		m.line("- why: %s", mdText(h.why()))
		m.line("- checks that need it: %s", names(h.ids, markdownAll))
		if h.remedy.Text != "" {
			m.fix("Remedy", []checks.Step{remedyStep(h.remedy)})
		}
		m.unfold()
	}
}

// fleetAnnotations has one for the fleet, then one for each thing that is wrong, with the clusters that have it, and one
// for each cluster that was not reached.
func fleetAnnotations(w io.Writer, f *report.Fleet, _ Options) error {
	verdict := annotation{level: "notice", title: "kubectl sidecar " + f.Command, message: f.Summary}
	switch f.Verdict {
	case report.NotReady:
		verdict.level = "error"
	case report.Unknown:
		verdict.level = "warning"
	}
	list := append([]annotation{verdict}, fleetProblemNotes(f)...)
	for _, r := range unreachedOf(f) {
		text := r.Unreached.Reason
		if r.Unreached.Remedy != "" {
			text += "\nremedy: " + r.Unreached.Remedy
		}
		list = append(list, annotation{level: "warning", title: "not reached: " + r.Cluster.Context, message: text})
	}
	for _, h := range fleetHoles(f) {
		text := []string{"in " + prose.Of(len(h.clusters), len(f.Clusters), "cluster") + ": " + atMost(examples, h.clusters), h.why()}
		if h.remedy.Text != "" {
			text = append(text, "remedy: "+h.remedy.String())
		}
		list = append(list, annotation{level: "warning", title: "not seen: " + h.what(one), message: strings.Join(text, "\n")})
	}
	for _, n := range fleetNotes(f, idleLines) {
		list = append(list, annotation{level: "notice", title: "waiver", message: n.text + mdIn(n.clusters, len(f.Clusters))})
	}
	return writeAnnotations(w, list)
}

// fleetProblemNotes stand at the line of a manifest where they are about one: then each place is one of its own.
func fleetProblemNotes(f *report.Fleet) []annotation {
	if f.Command == "lint" {
		return fleetPlacedNotes(f)
	}
	var out []annotation
	for _, g := range fleetProblems(f) {
		text := []string{"in " + prose.Of(len(g.clusters), len(f.Clusters), "cluster") + ": " + atMost(examples, g.clusters)}
		text = append(text, strings.TrimPrefix(g.clusters[0]+", "+g.where, ", ")+": "+g.message)
		if c := nextCommand(g.steps); c != "" {
			text = append(text, g.fix+" in "+g.clusters[0]+": "+c)
		}
		if g.id != "" {
			text = append(text, "see: kubectl sidecar explain "+g.id)
		}
		title := g.id
		if title == "" {
			title = g.title
		}
		level := levelOf(g.severity)
		out = append(out, annotation{level: level, title: title, message: strings.Join(text, "\n")})
	}
	return out
}

// fleetPlacedNotes says of each place of a manifest once what is wrong there, with the clusters for which it is.
func fleetPlacedNotes(f *report.Fleet) []annotation {
	notes := map[annotation][]string{}
	var order []annotation
	for _, r := range f.Items {
		for _, a := range findingNotes(r) {
			if notes[a] == nil {
				order = append(order, a)
			}
			notes[a] = append(notes[a], r.Cluster.Context)
		}
	}
	for i, a := range order {
		if clusters := notes[a]; len(clusters) < len(f.Clusters) {
			order[i].message = "in " + prose.Of(len(clusters), len(f.Clusters), "cluster") + ": " + atMost(examples, clusters) + "\n" + a.message
		}
	}
	return order
}
