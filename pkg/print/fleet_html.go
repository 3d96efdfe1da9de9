package print

import (
	_ "embed"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/net/html"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// fleetStyle is ours, as styleSheet is.
//
//go:embed page/fleet.css
var fleetStyle string

// fleetHTML is one page with a tile for each cluster, and below them a fold for each with everything that its own page
// would say.
func fleetHTML(w io.Writer, f *report.Fleet, _ Options) error {
	about := &report.Report{Summary: f.Summary, Verdict: f.Verdict, Tool: f.Tool}
	p := &htmlPage{Report: about, command: f.Command, answer: badgeOfVerdict(f.Command, f.Verdict), fleet: true}
	tiles := el("ul", class("tiles"))
	for i, m := range f.Clusters {
		add(tiles, tileNode(f, m, i))
	}
	p.add(el("section", el("h2", "Clusters"), tiles))
	for i, r := range f.Items {
		node, err := memberNode(f, r, i)
		if err != nil {
			return err
		}
		p.add(node)
	}
	return p.write(w)
}

func badgeOfVerdict(command string, v report.Verdict) badge {
	of := verdicts
	if command == "why" {
		of = whyVerdicts
	}
	if b, ok := of[v]; ok {
		return b
	}
	return badgeUnknown
}

func anchorOf(i int) string { return "cluster-" + strconv.Itoa(i+1) }

// tileNode is a cluster at a glance, and leads to its fold.
func tileNode(f *report.Fleet, m report.Member, i int) *html.Node {
	answer := badgeOfVerdict(f.Command, m.Verdict)
	counts := fmt.Sprintf("errors %d, warnings %d, unknown %d", m.Errors, m.Warnings, m.Unknown)
	if f.Command == "why" {
		counts = fmt.Sprintf("causes %d, unknown %d, in progress %d", m.Errors, m.Unknown, m.InProgress)
	}
	if !m.Reached {
		counts = "nothing was read"
	}
	li := el("li", class("tile "+answer.Class),
		el("p", class("name"), el("a", attribute{"href", "#" + anchorOf(i)}, m.Context)),
		el("p", answer.node(), " ", dash(m.Version)),
		el("p", class("tried"), counts))
	if m.First != nil {
		add(li, el("p", sentence(cutEnd(firstLine(m), shortWhat))))
	}
	return li
}

// memberNode is everything about one cluster.
func memberNode(f *report.Fleet, r *report.Report, i int) (*html.Node, error) {
	dl := el("dl", class("about"))
	row := func(name, text string) { add(dl, el("div", el("dt", name), el("dd", sentence(text)))) }
	row("cluster", strings.TrimPrefix(clusterName(r), "cluster "))
	row("summary", r.Summary)
	body := el("div", class("body"), identity(anchorOf(i)), dl) // within the fold: a link to it unfolds it
	switch {
	case r.Unreached != nil:
		if r.Unreached.Remedy != "" {
			row("what to do", r.Unreached.Remedy)
		}
	default:
		row("collected", seenAt(r))
		for _, l := range r.Limits {
			row("limited", l)
		}
		inner, err := memberSections(f.Command, r)
		if err != nil {
			return nil, err
		}
		for _, n := range inner {
			within(n, anchorOf(i)+"-")
			add(body, n)
		}
	}
	return el("details", class("check member"), openIf(len(f.Clusters) == 1),
		el("summary", badgeOfVerdict(f.Command, r.Verdict).node(), " ", el("h2", r.Cluster.Context)), body), nil
}

// memberSections is the body of the page of one report.
func memberSections(command string, r *report.Report) ([]*html.Node, error) {
	p := &htmlPage{Report: r, command: command}
	if command == "why" {
		err := p.whySections(r)
		return p.body, err
	}
	p.doctorSections(r)
	return p.body, nil
}

// within makes a part of a page a part of another: ids and the links to them begin with prefix, headings are one level
// lower.
func within(n *html.Node, prefix string) {
	if n == nil {
		return
	}
	lower := map[string]string{"h2": "h3", "h3": "h4"}
	if n.Type == html.ElementNode && lower[n.Data] != "" {
		n.Data = lower[n.Data]
	}
	for i, a := range n.Attr {
		switch {
		case a.Key == "id":
			n.Attr[i].Val = prefix + a.Val
		case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
			n.Attr[i].Val = "#" + prefix + a.Val[1:]
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		within(c, prefix)
	}
}
