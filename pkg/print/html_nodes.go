package print

import (
	"strings"

	"golang.org/x/net/html"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// An attribute of an element.
type attribute struct{ key, value string }

func class(names string) attribute { return attribute{"class", names} }
func identity(id string) attribute { return attribute{"id", id} }
func openIf(is bool) (out []attribute) { // a fold
	if is {
		out = append(out, attribute{"open", ""})
	}
	return out
}

// lineBreaks are elements that begin a line of the document, so that people can read it, too.
var lineBreaks = map[string]bool{
	"head": true, "body": true, "meta": true, "link": true, "title": true, "style": true, "header": true, "main": true,
	"footer": true, "section": true, "details": true, "div": true, "table": true, "thead": true, "tbody": true, "tr": true,
	"ul": true, "ol": true, "dl": true, "dt": true, "p": true, "h1": true, "h2": true, "pre": true, "figure": true,
	"figcaption": true, "caption": true,
}

// el is an element. Its content is strings, which are text and nothing else, elements and attributes.
func el(tag string, content ...any) *html.Node {
	n := &html.Node{Type: html.ElementNode, Data: tag}
	for _, c := range content {
		switch c := c.(type) {
		case attribute:
			n.Attr = append(n.Attr, html.Attribute{Key: c.key, Val: c.value})
		case []attribute:
			for _, a := range c {
				n.Attr = append(n.Attr, html.Attribute{Key: a.key, Val: a.value})
			}
		case string:
			n.AppendChild(&html.Node{Type: html.TextNode, Data: c})
		case *html.Node:
			add(n, c)
		case []*html.Node:
			for _, child := range c {
				add(n, child)
			}
		}
	}
	return n
}

// add appends a child that is not nil.
func add(n, child *html.Node) {
	if child == nil {
		return
	}
	if lineBreaks[child.Data] && child.Type == html.ElementNode {
		n.AppendChild(&html.Node{Type: html.TextNode, Data: "\n"})
	}
	n.AppendChild(child)
}

// trusted is markup that was written and escaped elsewhere in this package.
func trusted(markup string) *html.Node { return &html.Node{Type: html.RawNode, Data: markup} }

// sentence is prose, with code where prose has names.
func sentence(text string) []*html.Node {
	var out []*html.Node
	for _, r := range runs(text) {
		if r.Code {
			out = append(out, el("code", r.Text))
		} else {
			out = append(out, &html.Node{Type: html.TextNode, Data: r.Text})
		}
	}
	return out
}

// meanwhileSection is what can be done until the cluster runs native sidecars.
func meanwhileSection(r *report.Report) *html.Node {
	if len(r.Meanwhile) == 0 {
		return nil
	}
	section := el("section", el("h2", "Meanwhile"))
	for _, n := range stepNodes(r.Meanwhile) {
		add(section, n)
	}
	return section
}

// stepNodes is what to do.
func stepNodes(steps []checks.Step) []*html.Node {
	var out []*html.Node
	for _, s := range steps {
		out = append(out, paragraphs(s.Text)...)
		if s.Command != "" {
			out = append(out, el("pre", s.Command))
		}
	}
	return out
}

// paragraphs is prose of several lines.
func paragraphs(text string) []*html.Node {
	var out []*html.Node
	for _, l := range strings.Split(text, "\n") {
		if l != "" {
			out = append(out, el("p", sentence(l)))
		}
	}
	return out
}

func (b badge) node() *html.Node {
	return el("span", class("badge "+b.Class), el("span", attribute{"aria-hidden", "true"}, b.Sign), " "+b.Word)
}

// codeList is names or lines, one item each.
func codeList(kind string, list []string) *html.Node {
	ul := el("ul", class(kind))
	for _, s := range list {
		add(ul, el("li", el("code", s)))
	}
	return ul
}

// mostNames is how many names are shown without a fold.
const mostNames = 12

// nameList is names, behind a fold where there are many.
func nameList(list []string, noun string) *html.Node {
	if len(list) <= mostNames {
		return codeList("names", list)
	}
	return el("details", class("more"), el("summary", prose.Counted(len(list), noun)), codeList("names", list))
}

// codes is ids in one line.
func codes(list []string) []*html.Node {
	var out []*html.Node
	for i, s := range list {
		if i > 0 {
			out = append(out, &html.Node{Type: html.TextNode, Data: " "})
		}
		out = append(out, el("code", s))
	}
	return out
}

// htmlTable is a table that becomes cards on a phone. Cells are elements td, named by their columns.
func htmlTable(caption []*html.Node, columns []string, rows [][]*html.Node) *html.Node {
	head, body := el("tr"), el("tbody")
	for _, c := range columns {
		add(head, el("th", c))
	}
	for _, row := range rows {
		tr := el("tr")
		for i, cell := range row {
			cell.Attr = append(cell.Attr, html.Attribute{Key: "data-label", Val: columns[i]})
			add(tr, cell)
		}
		add(body, tr)
	}
	table := el("table", class("cards"))
	if caption != nil {
		add(table, el("caption", caption))
	}
	add(table, el("thead", head))
	add(table, body)
	return table
}
