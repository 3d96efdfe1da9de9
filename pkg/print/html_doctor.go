package print

import (
	"fmt"
	"strconv"

	"golang.org/x/net/html"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// glanceSection leads to each finding.
func glanceSection(r *report.Report) *html.Node {
	list := problems(r)
	if len(list) == 0 {
		return nil
	}
	ol := el("ol", class("glance"))
	for _, p := range list {
		li := el("li", badgeOf(p.check).node(), " ", el("a", attribute{"href", "#" + p.check.ID}, sentence(p.message)))
		if on := p.on(markdownObjects); on != "" {
			add(li, el("span", class("on"), " on "+on))
		}
		add(ol, li)
	}
	return el("section", el("h2", "At a glance"), ol)
}

// coverageSection is what the answer rests on.
func coverageSection(r *report.Report) *html.Node {
	if len(r.Coverage) == 0 {
		return nil
	}
	ul := el("ul", class("coverage"))
	for _, c := range r.Coverage {
		text := fmt.Sprintf("%d of %d", c.Seen, c.Total)
		switch {
		case c.Total == 0:
			text = "none there"
		case c.Total < 0:
			text = strconv.Itoa(c.Seen) + " of ?"
		}
		li := el("li", el("span", class("kind"), string(c.Kind)), " ", el("span", class("count"), text))
		if c.Total > 0 {
			part := strconv.Itoa(min(100*c.Seen/c.Total, 100))
			add(li, el("meter", attribute{"min", "0"}, attribute{"max", "100"}, attribute{"value", part},
				attribute{"aria-label", string(c.Kind) + " seen, in percent"}, part+" %"))
		}
		add(ul, li)
	}
	return el("section", el("h2", "What was seen"), ul)
}

// groupSection is the checks of one category.
func groupSection(g htmlGroup) *html.Node {
	section := el("section", el("h2", class("words"), g.Name))
	if len(g.Nodes) > 0 {
		var rows [][]*html.Node
		for _, n := range g.Nodes {
			rows = append(rows, []*html.Node{
				el("td", codeOr(n.Version)), el("td", el("span", class("badge "+n.Class), n.Gate)), el("td", dash(n.Source)),
				el("td", strconv.Itoa(len(n.Names))), el("td", nameList(n.Names, "node")),
			})
		}
		add(section, htmlTable(sentence("Nodes by kubelet version and state of the gate"), []string{"kubelet", "gate", "known by", "nodes", "names"}, rows))
	}
	for _, c := range g.Checks {
		add(section, checkNode(c))
	}
	return section
}

func checkNode(c htmlCheck) *html.Node {
	body := el("div", class("body"))
	if c.Tried != "" {
		add(body, el("p", class("tried"), "Looked at: ", sentence(c.Tried)))
	}
	for _, f := range c.Groups {
		add(body, findingNode(f))
	}
	for _, h := range c.Holes {
		add(body, holeNode(h))
	}
	if lines := waivedLines(c.Entry); len(lines) > 0 {
		ul := el("ul")
		for _, l := range lines {
			add(ul, el("li", sentence(l)))
		}
		add(body, el("div", class("finding"), el("p", class("message"), "Does not count, by decision:"), ul))
	}
	add(body, explainNode(c.ID))
	return el("details", class("check"), identity(c.ID), openIf(c.Open),
		el("summary", badgeOf(c.Entry).node(), " ", el("h3", sentence(c.Title)), " ", el("code", class("id"), c.ID)), body)
}
