package print

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// markdownWhy is the page of `why`: the sentence, what proves it, the picture, the fix.
func markdownWhy(w io.Writer, r *report.Report, o Options) error {
	m := &markdownPage{}
	m.line("## %s kubectl sidecar why", verdictEmoji(r))
	m.line("")
	m.line("%s", mdText(r.Summary))
	m.line("")
	m.about(r)
	if looked := lookedAt(r); looked != "" {
		m.line("- looked at: %s", mdText(looked))
	}
	m.end()
	list := byCause(r)
	if len(list) == 1 {
		m.diagnosis(list[0], r)
		m.end()
	} else {
		m.diagnoses(list, r)
	}
	m.meanwhile(r)
	m.holes(r)
	m.waivers(r)
	return m.write(w, o.Limit)
}

// diagnoses are several, behind a fold each, under the cause that they have in common.
func (m *markdownPage) diagnoses(list []pods.Diagnosis, r *report.Report) {
	for i, d := range list {
		if i == 0 || causeTitle(list[i-1]) != causeTitle(d) {
			m.line("### %s", mdText(causeTitle(d)))
			m.end()
		}
		m.fold(len(list) <= openProblems, emoji[diagnosisMark(d).symbol]+" "+proseHTML(report.ObjectName(d.Object)+report.PodsOf(d)+": "+d.Message))
		m.diagnosis(d, r)
		m.unfold()
	}
}

// diagnosis is what stands under its sentence.
func (m *markdownPage) diagnosis(d pods.Diagnosis, r *report.Report) {
	if len(d.Pods) > 1 {
		m.line("- %d pods: %s", len(d.Pods), names(d.Pods, markdownAll))
	}
	if len(d.Because) > 0 {
		m.line("- because: %s", names(d.Because, markdownAll))
	}
	m.evidence(d.Evidence)
	for _, s := range d.Symptoms {
		m.line("- %s: %s (%s)", symptomLead(d, s.Because), mdText(s.Message), codeSpan(s.Check))
	}
	for _, w := range d.Workarounds {
		m.line("- workaround in use: %s", mdText(w))
	}
	if text := pictureText(pictureOf(d, r.Until, !r.TakenAt.IsZero())); text != "" && len(d.Timeline) > 0 {
		m.line("")
		m.piece.WriteString(fence("text", text))
	}
	if d.Fix != "" {
		m.fix(fixTitle(d), stepsOf(d.Steps, d.Fix))
	}
	if named := d.Named(); named != "" {
		m.line("")
		m.line("See %s", codeSpan("kubectl sidecar explain "+named))
	}
}

// symptomLead tells what follows from the root cause from what is wrong besides.
func symptomLead(d pods.Diagnosis, because []string) string {
	if slices.Contains(because, d.RootCause) {
		return "hence"
	}
	return "besides"
}

// fixTitle is what the fix of a diagnosis is called; without a cause it is only the next step.
func fixTitle(d pods.Diagnosis) string {
	if d.RootCause == "" {
		return "Next"
	}
	return "Fix"
}

// pictureText is a picture in letters, for places that have room for 100 of them.
func pictureText(pic picture) string {
	var out bytes.Buffer
	p := newPage(&out, Options{Width: 100, Unicode: true}, false)
	p.print(pic.title)
	p.picture(pic)
	if err := p.w.Flush(); err != nil {
		return ""
	}
	return strings.TrimRight(out.String(), "\n")
}

// lookedAt counts what the answer of `why` rests on.
func lookedAt(r *report.Report) string {
	var looked []string
	for _, c := range r.Coverage {
		if c.Seen > 0 {
			looked = append(looked, howManySeen(c))
		}
	}
	return strings.Join(looked, ", ")
}
