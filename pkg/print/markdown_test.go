package print

import (
	"bytes"
	"fmt"
	"html"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	gmtext "github.com/yuin/goldmark/text"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// attacks are texts that would be more than text where they are not quoted.
var attacks = []string{
	"[click](https://evil.example/a)", "![x](https://evil.example/b.png)", "<https://evil.example/c>", "https://evil.example/d",
	"www.evil.example/e", "mallory@evil.example", "@everyone", "org/repo#12", "#13", "GH-14", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
	"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</summary></details><h1>ready</h1>", "<!-- x", "&lt;b&gt;", ":tada:",
	"# ready", "## ready", "### ready", "---", "===", "- item", "+ item", "1. item", "2) item", "> quote", "    code", "\tcode",
	"*bold*", "__bold__", "~~gone~~", "`code`", "``two`` `", "```", "~~~", "````sh", "a | b", `a \| b`, `a\\|b`, `ends with \`, "| a |", "|---|", ":-:",
	"[ref]: https://evil.example/f", "[^1]: note", "[x] done", "$x$", "- [ ] todo", "**", "`", "\\", "{", "}}", "{a: [b, c]}",
	"</style><script>alert(1)</script>", "javascript:alert(1)", "\"><svg onload=alert(1)>", "' onclick='alert(1)", "{{.}}", "${{ secrets.X }}",
	"::error::x", "x ::set-output name=a::b", "##[error]x", "a%0A::error::b", "a\n::error::b", "a\r\n# ready", "]]>", "\u202egnp.exe",
}

// hostileReports are reports in which whoever can write text wrote an attack into every place, and
// one in which the places have all of them.
func hostileReports(t *testing.T, file string) []*report.Report {
	t.Helper()
	var out []*report.Report
	for _, attack := range append(attacks, strings.Join(attacks, " "), strings.Join(attacks, "\n")) {
		r := readReport(t, file)
		poison(reflect.ValueOf(r), attack)
		out = append(out, r)
	}
	return out
}

// poison sets every string below v.
func poison(v reflect.Value, attack string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), attack)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				poison(v.Field(i), attack)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), attack)
		}
	case reflect.String:
		// What decides how the page is built stays: no cluster writes it.
		if _, decides := v.Interface().(report.Verdict); !decides && v.Type().Name() != "Status" {
			v.SetString(attack)
		}
	}
}

var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote))

// TestMarkdownInert renders pages full of attacks as GitHub would: no link, picture, mention, markup
// or heading comes of them.
func TestMarkdownInert(t *testing.T) {
	for _, file := range []string{"testdata/not-ready/report.json", "testdata/markup/report.json"} {
		for _, r := range hostileReports(t, file) {
			var out bytes.Buffer
			if err := printer(t, "markdown")(&out, r, Options{}); err != nil {
				t.Fatal(err)
			}
			inert(t, out.Bytes())
		}
	}
	for _, attack := range append(attacks, strings.Join(attacks, " ")) {
		r := whyOf(t, "testdata/why/snapshot.yaml")
		poison(reflect.ValueOf(&r.Diagnoses), attack)
		r.Diagnoses = append(r.Diagnoses, r.Diagnoses...)
		var out bytes.Buffer
		if err := escaped(markdownWhy)(&out, r, Options{}); err != nil {
			t.Fatal(err)
		}
		inert(t, out.Bytes())
	}
}

// ours is the HTML that pages have.
var ours = regexp.MustCompile(`^(<details( open)?><summary>([^<>]|</?code>)*</summary>|</details>)\n?$`)

// suspicious is what GitHub makes a link of although Markdown does not.
var suspicious = regexp.MustCompile(`@\w|#\d|\bGH-\d|://|www\.|\b[0-9a-f]{7,40}\b|:\w+:`)

// inert fails for everything in a page that does more than be read.
func inert(t *testing.T, page []byte) {
	t.Helper()
	var outside []string // text that is not code
	walk := func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link, *ast.Image, *ast.AutoLink, *ast.RawHTML, *ast.Blockquote, *ast.CodeBlock:
			t.Errorf("%s in\n%s", n.Kind(), page)
			return ast.WalkStop, nil
		case *ast.HTMLBlock:
			for i := range n.Lines().Len() {
				at := n.Lines().At(i)
				line := string(at.Value(page))
				if !ours.MatchString(line) {
					t.Errorf("HTML that is not ours: %s", line)
				}
				outside = append(outside, html.UnescapeString(regexp.MustCompile(`<code>.*?</code>`).ReplaceAllString(line, " ")))
			}
		case *ast.Heading:
			title := string(n.Lines().Value(page))
			if n.Level != 3 && !pageTitle.MatchString(title) || n.Level == 3 && title == "ready" {
				t.Errorf("a heading that is not ours: %s", title)
			}
		case *ast.CodeSpan, *ast.FencedCodeBlock:
			return ast.WalkSkipChildren, nil
		case *ast.Text:
			outside = append(outside, string(n.Segment.Value(page)))
		case *ast.Document, *ast.Paragraph, *ast.TextBlock, *ast.List, *ast.ListItem:
		case *ast.Emphasis: // the titles of a fix and the note at the end
		default:
			if kind := n.Kind().String(); !strings.HasPrefix(kind, "Table") {
				t.Errorf("%s in\n%s", kind, page)
			}
		}
		return ast.WalkContinue, nil
	}
	if err := ast.Walk(gfm.Parser().Parse(gmtext.NewReader(page)), walk); err != nil {
		t.Fatal(err)
	}
	for _, s := range outside {
		if found := suspicious.FindString(strings.ReplaceAll(s, "\\x", "")); found != "" {
			t.Errorf("%q would be linked: %s", found, s)
		}
	}
}

// pageTitle is the only heading above the third level; those are names of sections and causes.
var pageTitle = regexp.MustCompile(`^\S+ kubectl sidecar (doctor: (ready|not ready|unknown)|why)$`)

// TestMarkdownTables: every row has as many cells as its header, whatever is in them.
func TestMarkdownTables(t *testing.T) {
	cells := func(row string) int { return strings.Count(row, "|") }
	for _, r := range hostileReports(t, "testdata/markup/report.json") {
		var out bytes.Buffer
		if err := printer(t, "markdown")(&out, r, Options{}); err != nil {
			t.Fatal(err)
		}
		header, rows := "", 0
		for line := range strings.Lines(out.String()) {
			switch {
			case !strings.HasPrefix(line, "| "):
				if !strings.HasPrefix(line, "|---") {
					header = ""
				}
			case header == "":
				header = line
			default:
				rows++
				if cells(line) != cells(header) {
					t.Errorf("%d cells under %d: %s", cells(line), cells(header), line)
				}
			}
		}
		if rows < 5 {
			t.Errorf("only %d rows", rows)
		}
	}
}

// TestMarkdownLimit: a page that must not be longer is made of whole pieces, and says what is missing.
func TestMarkdownLimit(t *testing.T) {
	r := readReport(t, "testdata/not-ready/report.json")
	for i := range 3000 {
		gap := facts.Gap{Kind: "kubelets", Scope: fmt.Sprintf("node/n%d", i), Instance: facts.NodeInstance(fmt.Sprintf("n%d", i)), Reason: fmt.Sprintf("reason %c%d", 'a'+i%26, i), Remedy: "```\n" + strings.Repeat("x", 400)}
		r.Checks[4].Missing = append(r.Checks[4].Missing, gap)
	}
	for _, limit := range []int{3_000, 100_000, 1 << 20} {
		var out bytes.Buffer
		if err := printer(t, "markdown")(&out, r, Options{Limit: limit}); err != nil {
			t.Fatal(err)
		}
		page := out.String()
		if len(page) > limit || len(page) < limit/2 {
			t.Errorf("%d bytes of %d", len(page), limit)
		}
		if !strings.Contains(page, "\n_Left out, because the page would be too long: ") {
			t.Errorf("limit %d: the page does not say that something is missing", limit)
		}
		if a, b := strings.Count(page, "<details"), strings.Count(page, "</details>"); a != b {
			t.Errorf("limit %d: %d folds begin, %d end", limit, a, b)
		}
		inert(t, out.Bytes())
	}
}
