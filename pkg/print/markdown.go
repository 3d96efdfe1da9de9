package print

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// A markdownPage is a document in GitHub's Markdown, made of pieces that each stand for themselves:
// where the whole is too long, pieces are left out.
type markdownPage struct {
	pieces []string
	piece  strings.Builder
}

// Measures of the page. What is behind a fold may be long, a table may not.
const (
	markdownObjects = 3   // in a table
	markdownAll     = 50  // behind a fold
	markdownProofs  = 20  // lines of evidence
	markdownRows    = 100 // of a table
)

func markdown(w io.Writer, r *report.Report, o Options) error {
	m := &markdownPage{}
	m.line("## %s kubectl sidecar %s: %s", verdictEmoji(r), commandOf(r), verdictWords(r))
	m.line("")
	m.line("%s", mdText(r.Summary))
	m.line("")
	m.about(r)
	m.end()
	m.problems(r)
	m.meanwhile(r)
	m.holes(r)
	m.nodes(r)
	m.webhooks(r)
	m.waivers(r)
	m.checks(r)
	return m.write(w, o.Limit)
}

// verdictWords is the verdict as people say it.
func verdictWords(r *report.Report) string {
	switch r.Verdict {
	case report.Ready:
		return "ready"
	case report.NotReady:
		return "not ready"
	}
	return "unknown"
}

func verdictEmoji(r *report.Report) string { return emoji[whyMark(r).symbol] }

// emoji are the marks where they are looked for between much else.
var emoji = map[string]string{
	markPass.symbol: "✅", markFail.symbol: "❌", markWarn.symbol: "⚠️", markInfo.symbol: "ℹ️", markUnknown.symbol: "❔",
	markProgress.symbol: "⏳",
}

func emojiOf(e report.Entry) string {
	switch e.Status {
	case checks.Skipped:
		return "➖"
	case report.Waived:
		return "☑️"
	}
	return emoji[markOf(e).symbol]
}

func (m *markdownPage) line(format string, args ...any) { fmt.Fprintf(&m.piece, format+"\n", args...) }

// end closes a piece.
func (m *markdownPage) end() {
	if m.piece.Len() > 0 {
		m.pieces = append(m.pieces, m.piece.String())
		m.piece.Reset()
	}
}

// write writes as many pieces as there is room for, and says what is missing.
func (m *markdownPage) write(w io.Writer, limit int) error {
	m.end()
	const note = "_Left out, because the page would be too long: %s. All of it: `-o markdown=FILE`._\n"
	var out []string
	size, left := len(note)+20, 0
	for _, piece := range m.pieces {
		if limit > 0 && size+len(piece)+1 > limit {
			left++
			continue
		}
		size += len(piece) + 1
		out = append(out, piece)
	}
	if left > 0 {
		out = append(out, fmt.Sprintf(note, prose.Counted(left, "part")))
	}
	_, err := io.WriteString(w, strings.Join(out, "\n"))
	return err
}

// about says what the page is about.
func (m *markdownPage) about(r *report.Report) {
	if r.Manifests != nil {
		m.line("- %s, evaluated by %s", mdText(subject(r)), mdText("kubectl-sidecar "+r.Tool.Version))
	} else {
		m.line("- %s", mdText(clusterName(r)))
		m.line("- collected: %s, evaluated by %s", mdText(seenAt(r)), mdText("kubectl-sidecar "+r.Tool.Version))
	}
	for _, l := range r.Limits {
		m.line("- limited: %s", mdText(l))
	}
	if len(r.Ignored) > 0 {
		m.line("- ignored: %s", mdText(ignoredObjects(r.Ignored)))
	}
}

// table writes a table, the first row its header. Cells are Markdown.
func (m *markdownPage) table(rows [][]string) {
	for i, row := range rows {
		if i > markdownRows {
			m.line("")
			m.line("+%d more", len(rows)-i)
			return
		}
		for j := range row {
			row[j] = cell(row[j])
		}
		m.line("| %s |", strings.Join(row, " | "))
		if i == 0 {
			m.line("|%s", strings.Repeat("---|", len(row)))
		}
	}
}

// fold hides what follows behind a sentence; unfold ends it.
func (m *markdownPage) fold(open bool, title string) {
	state := ""
	if open {
		state = " open"
	}
	m.line("<details%s><summary>%s</summary>", state, title)
	m.line("")
}

func (m *markdownPage) unfold() {
	m.line("")
	m.line("</details>")
	m.end()
}

// openProblems is up to how many are shown unfolded.
const openProblems = 3

func (m *markdownPage) problems(r *report.Report) {
	list := problems(r)
	if len(list) == 0 {
		return
	}
	rows := [][]string{{"", "what", "on", "check"}}
	for _, p := range list {
		rows = append(rows, []string{emojiOf(p.check) + " " + p.check.Severity.String(), mdText(p.message), names(p.objects(), markdownObjects), codeSpan(p.check.ID)})
	}
	m.line("### Findings")
	m.line("")
	m.table(rows)
	m.end()
	for _, p := range list {
		m.fold(len(list) <= openProblems, emojiOf(p.check)+" "+proseHTML(p.message))
		m.problem(p)
		m.unfold()
	}
}

func (m *markdownPage) problem(p problem) {
	if objects := p.objects(); len(objects) > 0 {
		m.line("- on%s: %s", howMany(objects), names(objects, markdownAll))
	}
	if len(p.because) > 0 {
		m.line("- because: %s", names(p.because, markdownAll))
	}
	m.evidence(evidenceOf(p.findingGroup))
	m.fix("Fix", p.steps)
	m.line("")
	m.line("See %s", codeSpan("kubectl sidecar explain "+p.check.ID))
}

// names lists names, at most n of them.
func names(list []string, n int) string {
	var out []string
	for i, name := range list {
		if i == n && len(list) > n+1 {
			out = append(out, fmt.Sprintf("+%d more", len(list)-n))
			break
		}
		out = append(out, codeSpan(name))
	}
	return strings.Join(out, ", ")
}

// evidenceOf is that of all findings of a group; what is the same for all is said once.
func evidenceOf(g *findingGroup) []string {
	if g.sameEvidence() {
		return g.findings[0].Evidence
	}
	var out []string
	for _, f := range g.findings {
		for _, e := range f.Evidence {
			out = append(out, report.ObjectName(f.Object)+": "+e)
		}
	}
	return out
}

func (m *markdownPage) evidence(list []string) {
	for i, e := range list {
		if i == markdownProofs && len(list) > i+1 {
			m.line("- evidence: +%s", prose.Counted(len(list)-i, "more line"))
			return
		}
		m.line("- evidence: %s", codeSpan(e))
	}
}

// meanwhile is what can be done until the cluster runs native sidecars.
func (m *markdownPage) meanwhile(r *report.Report) {
	if len(r.Meanwhile) == 0 {
		return
	}
	m.line("### Meanwhile")
	m.fix("Meanwhile", r.Meanwhile)
	m.end()
}

// fix writes what to do: texts as prose, commands to be copied.
func (m *markdownPage) fix(title string, steps []checks.Step) {
	lead := "**" + title + ":** "
	paragraph := func() {
		if !strings.HasSuffix(m.piece.String(), "\n\n") {
			m.line("")
		}
	}
	for _, s := range steps {
		for _, l := range strings.Split(s.Text, "\n") {
			if l != "" {
				paragraph()
				m.line("%s%s", lead, mdText(l))
				lead = ""
			}
		}
		if s.Command == "" {
			continue
		}
		if lead != "" {
			paragraph()
			m.line("%s", strings.TrimSpace(lead))
			lead = ""
		}
		paragraph()
		m.piece.WriteString(fence(fenceLanguage(s), strings.TrimRight(s.Command, "\n")))
	}
}

// fenceLanguage is what GitHub colors a step's command as.
func fenceLanguage(s checks.Step) string {
	switch s.Language {
	case "":
		return "sh"
	case checks.YAML:
		return "yaml"
	}
	return ""
}

// holes are what could not be seen.
func (m *markdownPage) holes(r *report.Report) {
	list := holes(r)
	if len(list) == 0 {
		return
	}
	rows := [][]string{{"", "what", "why", "checks that need it"}}
	for _, h := range list {
		rows = append(rows, []string{emoji[markUnknown.symbol] + " " + h.severity.String(), mdText(h.what(one)), mdText(h.why()), names(h.ids, markdownObjects)})
	}
	m.line("### Not seen")
	m.line("")
	m.table(rows)
	m.end()
	for _, h := range list {
		if h.remedy.Text == "" {
			continue
		}
		m.fold(false, "What would show "+proseHTML(h.what(one)))
		m.fix("Remedy", []checks.Step{remedyStep(h.remedy)})
		if len(h.scopes) > 1 {
			m.line("")
			m.line("Of %d: %s", len(h.scopes), names(h.scopes, markdownAll))
		}
		m.unfold()
	}
}

func (m *markdownPage) nodes(r *report.Report) {
	if len(r.Nodes) == 0 {
		return
	}
	rows := [][]string{{"kubelet", "gate", "known by", "nodes", "names"}}
	for _, g := range r.Nodes {
		rows = append(rows, []string{codeOrDash(g.Version), mdText(g.Gate), mdTextOrDash(g.Source), strconv.Itoa(len(g.Names)), names(g.Names, examples)})
	}
	m.line("### Nodes")
	m.line("")
	m.table(rows)
	m.end()
}
