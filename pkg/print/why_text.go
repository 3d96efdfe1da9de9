package print

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// WhyFormats is every output format of `why`, the default first.
var WhyFormats = []Format{
	{Name: "text", Print: escaped(whyText), Fleet: escapedFleet(fleetText)},
	{Name: "wide", Print: escaped(whyWide), Fleet: escapedFleet(fleetWide)},
	{Name: "short", Print: escaped(shortWhy), Fleet: escapedFleet(fleetShort)},
	{Name: "markdown", Print: escaped(markdownWhy), Fleet: escapedFleet(fleetMarkdown)},
	{Name: "html", Print: escaped(htmlWhy), Fleet: escapedFleet(fleetHTML)},
	{Name: "github", Print: escaped(annotations), Fleet: escapedFleet(fleetAnnotations), Annotates: true},
	{Name: "json", Print: escaped(jsonDocument), Fleet: escapedFleet(fleetJSON)},
	{Name: "yaml", Print: escaped(yamlDocument), Fleet: escapedFleet(fleetYAML)},
	{Name: "svg", Print: escaped(whySVG)},
}

func whyText(w io.Writer, r *report.Report, o Options) error { return newPage(w, o, false).why(r) }

// whyWide is whyText with nothing left out and nothing wrapped, pictures for all.
func whyWide(w io.Writer, r *report.Report, o Options) error { return newPage(w, o, true).why(r) }

// whySVG is the pictures alone.
func whySVG(w io.Writer, r *report.Report, _ Options) error {
	var pictures []picture
	for _, d := range r.Entries() {
		pictures = append(pictures, pictureOf(d, r.Until, !r.TakenAt.IsZero()))
	}
	return svgPictures(w, r.Summary, pictures)
}

// mostPictures is how many diagnoses are drawn: beyond, pictures would hide the answers.
const mostPictures = 3

// why begins with the answer.
func (p *page) why(r *report.Report) error {
	p.marked(whyMark(r), r.Summary)
	entries := len(r.Entries()) // a copy: not once more for each
	single := entries == 1
	cause, title := "", ""
	for _, d := range byCause(r) {
		if !single {
			if title != causeTitle(d) {
				cause, title = d.RootCause, causeTitle(d)
				p.print()
				p.heading(title)
				p.explain(cause)
			}
			p.print()
			p.marked(diagnosisMark(d), report.ObjectName(d.Object)+report.PodsOf(d)+": "+d.Message)
		}
		p.diagnosis(d, p.full || entries <= mostPictures, r)
		if named := d.Named(); single && named != "" {
			p.print()
			p.explain(named)
		}
	}
	p.whyMissing(r)
	p.whyFooter(r)
	return p.w.Flush()
}

func whyMark(r *report.Report) mark {
	switch r.Verdict {
	case report.NotReady:
		return markFail
	case report.Ready:
		return markPass
	case report.InProgress:
		return markProgress
	}
	return markUnknown
}

func diagnosisMark(d pods.Diagnosis) mark {
	switch {
	case d.Progress != nil:
		return markProgress
	case d.RootCause == "":
		return markUnknown
	}
	return markFail
}

// causeTitle is what entries stand under: their root cause, or what is known instead.
func causeTitle(d pods.Diagnosis) string {
	switch {
	case d.Progress != nil:
		return "in progress"
	case d.RootCause == "":
		return "without a known cause"
	}
	return d.RootCause
}

// byCause puts diagnoses with the same root cause together: the cause with the most pods first,
// those without one last, and otherwise in the order in which they came. What is in progress comes after them all.
func byCause(r *report.Report) []pods.Diagnosis {
	list := r.Diagnoses
	count := map[string]int{}
	var order []string
	for _, d := range list {
		if !slices.Contains(order, d.RootCause) {
			order = append(order, d.RootCause)
		}
		count[d.RootCause] += max(len(d.Pods), 1)
	}
	slices.SortStableFunc(order, func(a, b string) int {
		if (a == "") != (b == "") {
			return strings.Compare(b, a) // the empty one last
		}
		return count[b] - count[a]
	})
	var out []pods.Diagnosis
	for _, cause := range order {
		for _, d := range list {
			if d.RootCause == cause {
				out = append(out, d)
			}
		}
	}
	return append(out, r.InProgress...)
}

// diagnosis is what stands under its sentence: everything, with a picture, where draw is set.
func (p *page) diagnosis(d pods.Diagnosis, draw bool, r *report.Report) {
	if len(d.Pods) > 1 || p.full && len(d.Pods) > 0 {
		p.prose("  ", "pods: ", p.some(d.Pods))
	}
	if len(d.Because) > 0 {
		p.prose("  ", "because: ", strings.Join(d.Because, ", "))
	}
	for i, e := range d.Evidence {
		if !draw && i == evidenceSize {
			p.prose("  ", "", fmt.Sprintf("evidence: +%d more, see it with -o wide", len(d.Evidence)-i))
			break
		}
		p.prose("  ", "evidence: ", e)
	}
	if p.full && len(d.RuledOut) > 0 {
		p.prose("  ", "ruled out: ", strings.Join(d.RuledOut, ", "))
	}
	for _, s := range d.Symptoms {
		p.symptom(d, s)
	}
	for _, w := range d.Workarounds {
		p.prose("  ", "workaround in use: ", w)
	}
	if draw && len(d.Timeline) > 0 {
		p.print()
		pic := pictureOf(d, r.Until, !r.TakenAt.IsZero())
		p.prose("  ", "", pic.title)
		p.picture(pic)
	}
	if d.Fix != "" {
		p.print()
		p.steps("  ", strings.ToLower(fixTitle(d))+": ", stepsOf(d.Steps, d.Fix))
	}
}

// explain leads to the page of a cause.
func (p *page) explain(cause string) {
	if cause != "" {
		p.print("  see: kubectl sidecar explain ", cause)
	}
}

// symptom is what follows from the root cause, or stands beside it.
func (p *page) symptom(d pods.Diagnosis, s pods.Symptom) {
	p.prose("  ", symptomLead(d, s.Because)+": ", fmt.Sprintf("%s [%s]", s.Message, s.Check))
	if p.full {
		for _, e := range s.Evidence {
			p.prose("    ", "evidence: ", e)
		}
	}
}

// whyMissing is what the checks would have had to see, each gap once.
func (p *page) whyMissing(r *report.Report) {
	if r.Verdict == report.NotReady && !p.full {
		return // the answer is there; what else could be seen is noise
	}
	var told []string
	for _, e := range r.Checks {
		for _, g := range groupGaps(e.Missing) {
			if slices.Contains(told, g.id()) {
				continue
			}
			if len(told) == 0 {
				p.print()
			}
			told = append(told, g.id())
			p.prose("  ", "not seen: ", g.what(p.some))
			p.prose("    ", "why: ", g.reason)
			p.remedy("    ", g.remedy)
		}
	}
}

// whyFooter says what can be done meanwhile, and what the answer rests on.
func (p *page) whyFooter(r *report.Report) {
	if len(r.Meanwhile) > 0 {
		p.print()
		p.steps("  ", "meanwhile: ", r.Meanwhile)
	}
	looked := lookedAt(r)
	if looked == "" && len(r.Limits) == 0 {
		return
	}
	p.print()
	if looked != "" {
		p.prose("  ", "looked at: ", looked)
	}
	for _, l := range r.Limits {
		p.prose("  ", "limited: ", l)
	}
	if len(r.Ignored) > 0 {
		p.prose("  ", "ignored: ", ignoredObjects(r.Ignored))
	}
}

// howManySeen is what was read of a kind: "1 pod", "3 pods".
func howManySeen(c report.Coverage) string { return prose.Counted(c.Seen, c.Noun()) }
