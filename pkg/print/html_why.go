package print

import (
	"io"
	"strings"

	"golang.org/x/net/html"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// mostHTMLPictures keeps a page about a broken cluster light enough for a phone.
const mostHTMLPictures = 50

// htmlWhy is the page of `why`.
func htmlWhy(w io.Writer, r *report.Report, _ Options) error {
	p := &htmlPage{Report: r, command: "why", answer: whyVerdicts[r.Verdict]}
	if err := p.whySections(r); err != nil {
		return err
	}
	return p.write(w)
}

func (p *htmlPage) whySections(r *report.Report) error {
	list := byCause(r)
	var section *html.Node
	for i, d := range list {
		if i == 0 || causeTitle(list[i-1]) != causeTitle(d) {
			section = el("section", el("h2", causeNode(d)))
			p.add(section)
		}
		node, err := diagnosisNode(d, r, i < mostPictures, i < mostHTMLPictures, len(list) > 1)
		if err != nil {
			return err
		}
		add(section, node)
	}
	if missing := holes(r); len(missing) > 0 {
		section := el("section", el("h2", "Not seen"))
		for _, h := range missing {
			add(section, el("details", class("check"), el("summary", badgeUnknown.node(), " ", el("h3", string(h.kind))),
				el("div", class("body"), holeNode(htmlHoleOf(h.gapGroup)))))
		}
		p.add(section)
	}
	p.add(meanwhileSection(r), waiverSection(r))
	return nil
}

func causeNode(d pods.Diagnosis) any {
	if d.RootCause == "" {
		return sentence(causeTitle(d))
	}
	return el("code", d.RootCause)
}

// diagnosisNode is one diagnosis; several says that its sentence does not stand at the top.
func diagnosisNode(d pods.Diagnosis, r *report.Report, open, draw, several bool) (*html.Node, error) {
	body := el("div", class("body"))
	if several {
		add(body, el("p", class("message"), sentence(d.Message)))
	}
	if draw && len(d.Timeline) > 0 {
		figure, err := figureNode(pictureOf(d, r.Until, !r.TakenAt.IsZero()))
		if err != nil {
			return nil, err
		}
		add(body, figure)
	}
	add(body, el("div", class("finding"), proofNode(d)))
	if named := d.Named(); named != "" {
		add(body, explainNode(named))
	}
	return el("details", class("check"), openIf(open),
		el("summary", diagnosisBadge(d).node(), " ", el("h3", el("code", report.ObjectName(d.Object)), report.PodsOf(d))), body), nil
}

// proofNode is what a diagnosis rests on, and its fix.
func proofNode(d pods.Diagnosis) *html.Node {
	dl := el("dl")
	row := func(name string, content any) {
		add(dl, el("dt", name))
		add(dl, el("dd", content))
	}
	if len(d.Pods) > 1 {
		row("pods", nameList(d.Pods, "pod"))
	}
	if len(d.Because) > 0 {
		row("because", codes(d.Because))
	}
	evidenceNodes(dl, d.Evidence)
	for _, s := range d.Symptoms {
		add(dl, el("dt", symptomLead(d, s.Because)))
		add(dl, el("dd", sentence(s.Message), " ", el("code", s.Check)))
	}
	for _, w := range d.Workarounds {
		row("workaround in use", sentence(w))
	}
	if d.Fix != "" {
		add(dl, el("dt", strings.ToLower(fixTitle(d))))
		add(dl, el("dd", class("fix"), stepNodes(stepsOf(d.Steps, d.Fix))))
	}
	return dl
}

// figureNode is a timeline for a desk, for a phone, and in words. timeline_svg.go escapes all text of
// the pictures.
func figureNode(pic picture) (*html.Node, error) {
	var wide, narrow strings.Builder
	if err := svgPicture(&wide, wideSheet, pic); err != nil {
		return nil, err
	}
	if err := svgPicture(&narrow, narrowSheet, pic); err != nil {
		return nil, err
	}
	rows := el("tbody")
	for _, l := range pic.lanes {
		state := dash(l.note)
		if l.blocks {
			state += " – blocking the pod"
		}
		add(rows, el("tr", el("td", el("code", l.name)), el("td", l.role), el("td", sentence(state))))
	}
	table := el("table", el("thead", el("tr", el("th", "container"), el("th", "kind"), el("th", "state"))), rows)
	return el("figure", el("figcaption", sentence(pic.title)),
		el("div", class("wide"), trusted(wide.String())), el("div", class("narrow"), trusted(narrow.String())),
		el("details", class("more"), el("summary", "The picture in words"), table)), nil
}
