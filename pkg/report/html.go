package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

//go:embed page/*
var pageFiles embed.FS

// pageTemplate is both pages. All text goes through html/template, which escapes it for the place it
// stands in.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"runs": runs, "parts": parts, "dash": dash, "orAll": orAll, "object": objectName, "badge": badgeOf,
	"order": webhookOrder, "timeout": webhookTimeout, "style": styleSheet, "pods": podsOf, "lead": symptomLead,
	"diagnosisBadge": diagnosisBadge, "harm": harmOf, "waived": waivedLines,
}).ParseFS(pageFiles, "page/*.html"))

// styleSheet is ours, hence trusted.
func styleSheet() template.CSS {
	text, err := pageFiles.ReadFile("page/style.css")
	if err != nil {
		return "" // cannot be: it is embedded
	}
	return template.CSS(text)
}

// A badge is an answer in a word, a sign and a colour: any two of them may be lost.
type badge struct{ Class, Sign, Word string }

var (
	badgeUnknown = badge{"unknown", "?", "unknown"}
	badges       = map[checks.Status]badge{
		checks.Pass: {"pass", "✓", "pass"}, checks.Skipped: {"skipped", "–", "skipped"}, Waived: {"waived", "✓", "waived"},
		checks.Unknown: badgeUnknown,
	}
	severities = map[checks.Severity]badge{
		checks.Error: {"error", "✕", "error"}, checks.Warning: {"warning", "!", "warning"}, checks.Info: {"info", "i", "note"},
	}
	verdicts = map[Verdict]badge{
		Ready: {"pass", "✓", "Ready"}, NotReady: {"error", "✕", "Not ready"}, Unknown: {"unknown", "?", "Unknown"},
	}
	whyVerdicts = map[Verdict]badge{
		Ready: {"pass", "✓", "Nothing is wrong"}, NotReady: {"error", "✕", "A cause was found"}, Unknown: {"unknown", "?", "Not explained"},
	}
	harms = map[string]string{
		"preserves": "pass", "not called": "pass", "unknown": "unknown", "suspect": "warning", "not dry-runnable": "unknown",
	}
)

func badgeOf(e Entry) badge {
	if e.Status == checks.Fail {
		return severities[e.Severity]
	}
	if b, ok := badges[e.Status]; ok {
		return b
	}
	return badgeUnknown
}

func diagnosisBadge(d Diagnosis) badge {
	if d.RootCause == "" {
		return badgeUnknown
	}
	return severities[checks.Error]
}

// harmOf is the colour of what a webhook does.
func harmOf(result string) string {
	if class, ok := harms[result]; ok {
		return class
	}
	return "error"
}

// htmlPage is what the templates read.
type htmlPage struct {
	*Report
	Command string
	Answer  badge
	// Sentence is the summary without the word that stands above it.
	Sentence string
	About    string
	SeenAt   string
	Looked   string
	Covered  []htmlCoverage
	Problems []htmlProblem
	Holes    []htmlHole
	Groups   []htmlGroup
	Left     []string // ids of checks that were skipped
	Unused   string   // objects of a file
	Causes   []htmlCause
}

// An htmlCoverage is how much of a kind was seen; Part is in percent, -1 when it is not known.
type htmlCoverage struct {
	Kind, Text string
	Part       int
}

// An htmlGroup is the checks of one category.
type htmlGroup struct {
	Name   string
	Nodes  []htmlNodes
	Checks []htmlCheck
}

type htmlNodes struct {
	NodeGroup
	Class        string
	First, Other []string
}

type htmlCheck struct {
	Entry
	Open   bool
	Groups []htmlFinding
	Holes  []htmlHole
}

type htmlProblem struct {
	Check       Entry
	Message, On string
}

type htmlFinding struct {
	Message, Fix               string
	Objects, Because, Evidence []string
}

type htmlHole struct {
	Kind, Why, Remedy string
	Scopes            []string
	Above             string // id of the check under which it was explained before
}

// htmlDocument is one page that needs nothing else: no script, no font, no request.
func htmlDocument(w io.Writer, r *Report, _ Options) error {
	p := newHTMLPage(r)
	p.Command, p.Answer = "doctor", verdicts[r.Verdict]
	shown := map[string]string{}
	for _, category := range categories(r) {
		p.Groups = append(p.Groups, htmlGroupOf(r, category, shown))
	}
	return p.write(w)
}

func (p *htmlPage) write(w io.Writer) error {
	if p.Answer.Word == "" {
		p.Answer = badgeUnknown
	}
	if err := pageTemplate.ExecuteTemplate(w, p.Command+".html", p); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

func newHTMLPage(r *Report) *htmlPage {
	p := &htmlPage{
		Report: r, Sentence: strings.TrimPrefix(r.Summary, verdictWords(r)+": "),
		About: strings.TrimPrefix(clusterName(r), "cluster "), SeenAt: seenAt(r), Looked: lookedAt(r), Left: skippedIDs(r),
	}
	for _, found := range problems(r) {
		p.Problems = append(p.Problems, htmlProblem{Check: found.check, Message: found.message, On: found.on(markdownObjects)})
	}
	if len(r.Ignored) > 0 {
		p.Unused = ignoredObjects(r.Ignored)
	}
	for _, c := range r.Coverage {
		part, text := -1, fmt.Sprintf("%d of %d", c.Seen, c.Total)
		switch {
		case c.Total > 0:
			part = min(100*c.Seen/c.Total, 100)
		case c.Total == 0:
			text = "none there"
		default:
			text = strconv.Itoa(c.Seen) + " of ?"
		}
		p.Covered = append(p.Covered, htmlCoverage{Kind: string(c.Kind), Text: text, Part: part})
	}
	return p
}

// htmlGroupOf explains a gap under the first check that has it, as shown remembers.
func htmlGroupOf(r *Report, category checks.Category, shown map[string]string) htmlGroup {
	g := htmlGroup{Name: string(category)}
	if category == checks.NodesGroup {
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

// htmlNodesOf folds what is more than a few names.
func htmlNodesOf(n NodeGroup) htmlNodes {
	out := htmlNodes{NodeGroup: n, First: n.Names, Class: map[string]string{"on": "pass", "unknown": "unknown"}[n.Gate]}
	if out.Class == "" {
		out.Class = "error"
	}
	if len(n.Names) > 2*examples {
		out.First, out.Other = n.Names[:examples], n.Names[examples:]
	}
	return out
}

func htmlFindings(e Entry) []htmlFinding {
	var out []htmlFinding
	for _, g := range groupFindings(e.Findings) {
		out = append(out, htmlFinding{Message: g.message, Fix: g.fix, Objects: g.objects(), Because: g.because, Evidence: evidenceOf(g)})
	}
	return out
}

func htmlHoleOf(g *gapGroup) htmlHole {
	return htmlHole{Kind: string(g.kind), Why: hole{gapGroup: g}.why(), Remedy: g.remedy, Scopes: g.scopes}
}
