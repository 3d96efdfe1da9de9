package print

import (
	_ "embed"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// styleSheet is ours, hence trusted: it has no "<".
//
//go:embed page/style.css
var styleSheet string

// A badge is an answer in a word, a sign and a color: any two of them may be lost.
type badge struct{ Class, Sign, Word string }

var (
	badgeUnknown = badge{"unknown", "?", "unknown"}
	badges       = map[checks.Status]badge{
		checks.Pass: {"pass", "✓", "pass"}, checks.Skipped: {"skipped", "–", "skipped"}, report.Waived: {"waived", "✓", "waived"},
		checks.Unknown: badgeUnknown,
	}
	severities = map[checks.Severity]badge{
		checks.Error: {"error", "✕", "error"}, checks.Warning: {"warning", "!", "warning"}, checks.Info: {"info", "i", "note"},
	}
	verdicts = map[report.Verdict]badge{
		report.Ready: {"pass", "✓", "Ready"}, report.NotReady: {"error", "✕", "Not ready"}, report.Unknown: {"unknown", "?", "Unknown"},
	}
	whyVerdicts = map[report.Verdict]badge{
		report.Ready: {"pass", "✓", "Nothing is wrong"}, report.NotReady: {"error", "✕", "A cause was found"}, report.Unknown: {"unknown", "?", "Not explained"},
		report.InProgress: {"info", "…", "In progress"},
	}
	harms = map[string]string{
		"preserves": "pass", "not called": "pass", "unknown": "unknown", "suspect": "warning", "not dry-runnable": "unknown",
	}
)

func badgeOf(e report.Entry) badge {
	if e.Status == checks.Fail {
		return severities[e.Severity]
	}
	if b, ok := badges[e.Status]; ok {
		return b
	}
	return badgeUnknown
}

func diagnosisBadge(d pods.Diagnosis) badge {
	switch {
	case d.Progress != nil:
		return badge{"info", "…", "in progress"}
	case d.RootCause == "":
		return badgeUnknown
	}
	return severities[checks.Error]
}

// harmOf is the color of what a webhook does.
func harmOf(result string) string {
	if class, ok := harms[result]; ok {
		return class
	}
	return "error"
}

// htmlPage is one page.
type htmlPage struct {
	*report.Report
	command string
	answer  badge
	body    []*html.Node
	// fleet is set for a page about several clusters, each of which says itself what it is.
	fleet bool
}

// An htmlGroup is the checks of one category.
type htmlGroup struct {
	Name   string
	Nodes  []htmlNodes
	Checks []htmlCheck
}

// htmlNodes has the color of its gate.
type htmlNodes struct {
	report.NodeGroup
	Class string
}

type htmlCheck struct {
	report.Entry
	Open   bool
	Groups []htmlFinding
	Holes  []htmlHole
}

type htmlFinding struct {
	Message                    string
	Steps                      []checks.Step
	Objects, Because, Evidence []string
}

type htmlHole struct {
	Kind, Why string
	Remedy    facts.Remedy
	Scopes    []string
	Above     string // id of the check under which it was explained before
}

// htmlDocument is one page that needs nothing else: no script, no font, no request.
//
// It is made of nodes, which the renderer of golang.org/x/net/html escapes for the place they stand
// in. html/template would do the same and make the plugin half as large again: its calls of methods
// by name keep the linker from leaving out what is never called.
func htmlDocument(w io.Writer, r *report.Report, _ Options) error {
	p := &htmlPage{Report: r, command: commandOf(r), answer: verdicts[r.Verdict]}
	p.doctorSections(r)
	return p.write(w)
}

func (p *htmlPage) doctorSections(r *report.Report) {
	p.add(glanceSection(r), coverageSection(r))
	shown := map[string]string{}
	for _, category := range categories(r) {
		p.add(groupSection(htmlGroupOf(r, category, shown)))
	}
	p.add(webhookSection(r), meanwhileSection(r), waiverSection(r))
	if left := skippedIDs(r); len(left) > 0 {
		p.add(el("section", el("h2", "Not selected"), codeList("names", left)))
	}
}

func (p *htmlPage) add(sections ...*html.Node) { p.body = append(p.body, sections...) }

// policy allows nothing but the page's own style.
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

func (p *htmlPage) write(w io.Writer) error {
	if p.answer.Word == "" {
		p.answer = badgeUnknown
	}
	meta := func(key, name, content string) *html.Node {
		return el("meta", attribute{key, name}, attribute{"content", content})
	}
	head := el("head",
		el("meta", attribute{"charset", "utf-8"}),
		meta("http-equiv", "Content-Security-Policy", policy),
		meta("name", "viewport", "width=device-width, initial-scale=1"),
		meta("name", "color-scheme", "light dark"),
		meta("name", "referrer", "no-referrer"),
		el("link", attribute{"rel", "icon"}, attribute{"href", "data:,"}),
		el("title", p.answer.Word+" – kubectl sidecar "+p.command),
		el("style", trusted(p.style())))
	foot := el("footer", el("p", "This page is complete: it loads nothing and runs nothing. Every statement on it is from one report; ",
		el("code", "-o json"), " is the same report for programs."))
	document := &html.Node{Type: html.DocumentNode}
	add(document, &html.Node{Type: html.DoctypeNode, Data: "html"})
	document.AppendChild(el("html", attribute{"lang", "en"}, head, el("body", p.header(), el("main", p.body), foot)))
	if err := html.Render(w, document); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// style is the style sheet, for several clusters with that of their tiles.
func (p *htmlPage) style() string {
	if p.fleet {
		return styleSheet + fleetStyle
	}
	return styleSheet
}

// header is the verdict and what it is about.
func (p *htmlPage) header() *html.Node {
	about := el("dl", class("about"))
	row := func(name, text string) {
		add(about, el("div", el("dt", name), el("dd", sentence(text))))
	}
	if p.Manifests != nil {
		row("manifests", manifestsLine(p.Report))
	}
	if !p.fleet && (p.Manifests == nil || p.Cluster.Server != "") {
		row("cluster", strings.TrimPrefix(clusterName(p.Report), "cluster "))
		row("collected", seenAt(p.Report))
	}
	row("evaluated by", "kubectl-sidecar "+p.Tool.Version)
	if looked := lookedAt(p.Report); looked != "" && p.command == "why" {
		row("looked at", looked)
	}
	for _, l := range p.Limits {
		row("limited", l)
	}
	if len(p.Ignored) > 0 {
		row("ignored", ignoredObjects(p.Ignored))
	}
	return el("header", class("verdict "+p.answer.Class),
		el("p", class("tool"), "kubectl sidecar "+p.command),
		el("h1", el("span", class("sign"), attribute{"aria-hidden", "true"}, p.answer.Sign), " "+p.answer.Word),
		el("p", class("summary"), sentence(strings.TrimPrefix(p.Summary, verdictWords(p.Report)+": "))),
		about)
}

// htmlGroupOf explains a gap under the first check that has it, as shown remembers.
func htmlGroupOf(r *report.Report, category checks.Category, shown map[string]string) htmlGroup {
	g := htmlGroup{Name: string(category)}
	if category == checks.Nodes {
		for _, n := range r.Nodes {
			g.Nodes = append(g.Nodes, htmlNodesOf(n))
		}
	}
	for _, e := range r.Checks {
		if e.Category == category && e.Status != checks.Skipped {
			c := htmlCheck{Entry: e, Open: e.Status == checks.Fail, Groups: htmlFindings(e)}
			for _, gap := range groupGaps(e.Missing) {
				h := htmlHoleOf(gap)
				if h.Above = shown[gap.id()]; h.Above == "" {
					shown[gap.id()] = e.ID
					c.Open = true
				}
				c.Holes = append(c.Holes, h)
			}
			g.Checks = append(g.Checks, c)
		}
	}
	return g
}

func htmlNodesOf(n report.NodeGroup) htmlNodes {
	class := map[string]string{"on": "pass", "unknown": "unknown"}[n.Gate]
	if class == "" {
		class = "error"
	}
	return htmlNodes{NodeGroup: n, Class: class}
}

func htmlFindings(e report.Entry) []htmlFinding {
	var out []htmlFinding
	for _, g := range groupFindings(e.Findings) {
		out = append(out, htmlFinding{Message: g.message, Steps: g.steps, Objects: g.objects(), Because: g.because, Evidence: evidenceOf(g)})
	}
	return out
}

func htmlHoleOf(g *gapGroup) htmlHole {
	return htmlHole{Kind: string(g.kind), Why: hole{gapGroup: g}.why(), Remedy: g.remedy, Scopes: g.scopes}
}
