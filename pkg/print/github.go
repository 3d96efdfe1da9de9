package print

import (
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// The workflow commands that make an annotation, the worst first.
var annotationLevels = []string{"error", "warning", "notice"}

// GitHub shows this many annotations of each level for one step of a job.
const shownAnnotations = 10

// An annotation is a note beside a run of a workflow.
type annotation struct {
	level, title, message string
	place                 checks.Place // zero for none
}

// annotations writes workflow commands for GitHub Actions: the verdict, then one for each group of
// findings and for what could not be seen. Where there are more than are shown, the last says so.
//
// The text of a cluster cannot be a command of its own: escape.go disarms it, and a command is one
// line.
func annotations(w io.Writer, r *report.Report, _ Options) error {
	var list []annotation
	if r.Diagnoses == nil {
		list = append(list, verdictNote(r, "kubectl sidecar "+commandOf(r)+": "+verdictWords(r)))
		list = append(list, findingNotes(r)...)
	} else if len(r.Entries()) != 1 { // one diagnosis is the verdict
		list = append(list, verdictNote(r, "kubectl sidecar why"))
	}
	for _, d := range byCause(r) {
		list = append(list, diagnosisNote(d))
	}
	if r.Diagnoses == nil || r.Verdict != report.NotReady {
		list = append(list, holeNotes(r)...)
	}
	list = append(list, waiverNotes(r)...)
	return writeAnnotations(w, list)
}

// writeAnnotations writes the most important ones of each level.
func writeAnnotations(w io.Writer, list []annotation) error {
	var out strings.Builder
	for _, level := range annotationLevels {
		for _, a := range mostImportant(list, level) {
			out.WriteString(a.command())
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// command writes it as the toolkit of GitHub's actions does (actions/toolkit, packages/core,
// command.ts): what ends a line or a property is percent-encoded.
func (a annotation) command() string {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	where := ""
	if a.place.File != "" {
		where = "file=" + property.Replace(a.place.File) + ","
		if a.place.Line > 0 {
			where += fmt.Sprintf("line=%d,", a.place.Line)
		}
		if a.place.Column > 0 {
			where += fmt.Sprintf("col=%d,", a.place.Column)
		}
	}
	return fmt.Sprintf("::%s %stitle=%s::%s\n", a.level, where, property.Replace(a.title), data.Replace(a.message))
}

// mostImportant are the annotations of one level, as many as are shown.
func mostImportant(list []annotation, level string) []annotation {
	var out []annotation
	for _, a := range list {
		if a.level == level {
			out = append(out, a)
		}
	}
	rest := len(out) - shownAnnotations + 1
	if rest < 2 {
		return out
	}
	var titles []string
	for _, a := range out[len(out)-rest:] {
		titles = append(titles, a.title)
	}
	return append(out[:len(out)-rest], annotation{
		level: level, title: fmt.Sprintf("kubectl sidecar: %d more", rest),
		message: strings.Join(titles, "\n") + "\nAll of them are in the other formats: -o text, -o markdown=FILE",
	})
}

func verdictNote(r *report.Report, title string) annotation {
	a := annotation{level: "notice", title: title, message: r.Summary + "\n" + subject(r)}
	switch r.Verdict {
	case report.NotReady:
		a.level = "error"
	case report.Unknown:
		a.level = "warning"
	}
	return a
}

func findingNotes(r *report.Report) []annotation {
	var out []annotation
	for _, p := range problems(r) {
		if r.Manifests != nil && p.findings[0].Place.File != "" {
			out = append(out, placedNotes(p)...)
			continue
		}
		text := []string{p.message}
		if objects := p.objects(); len(objects) > 0 {
			text = append(text, "on"+howMany(objects)+": "+p.on(examples))
		}
		text = append(text, noteEvidence(evidenceOf(p.findingGroup))...)
		text = append(text, "fix: "+p.fix, "see: kubectl sidecar explain "+p.check.ID)
		out = append(out, annotation{level: levelOf(p.check.Severity), title: p.check.ID, message: strings.Join(text, "\n")})
	}
	return out
}

// placedNotes has one for each finding about a manifest, which GitHub shows at its line.
func placedNotes(p problem) []annotation {
	var out []annotation
	for _, f := range p.findings {
		text := f.Message
		if name := report.ObjectName(f.Object); name != "" {
			text = name + ": " + text
		}
		lines := append([]string{text}, noteEvidence(f.Evidence)...)
		lines = append(lines, "fix: "+f.Fix, "see: kubectl sidecar explain "+p.check.ID)
		out = append(out, annotation{level: levelOf(p.check.Severity), title: p.check.ID, message: strings.Join(lines, "\n"), place: f.Place})
	}
	return out
}

func levelOf(s checks.Severity) string {
	switch s {
	case checks.Error:
		return "error"
	case checks.Warning:
		return "warning"
	}
	return "notice"
}

func noteEvidence(list []string) []string {
	var out []string
	for i, e := range list {
		if i == evidenceSize && len(list) > i+1 {
			return append(out, fmt.Sprintf("evidence: +%d more", len(list)-i))
		}
		out = append(out, "evidence: "+e)
	}
	return out
}

// holeNotes are warnings: what was not seen may be what is wrong.
func holeNotes(r *report.Report) []annotation {
	var out []annotation
	for _, h := range holes(r) {
		text := []string{h.why(), "needed by: " + atMost(examples, h.ids)}
		if h.remedy.Text != "" {
			text = append(text, "remedy: "+h.remedy.String())
		}
		out = append(out, annotation{level: "warning", title: "not seen: " + h.what(one), message: strings.Join(text, "\n")})
	}
	return out
}

func diagnosisNote(d pods.Diagnosis) annotation {
	a := annotation{level: "error", title: causeTitle(d)}
	text := []string{report.Told(d)}
	text = append(text, noteEvidence(d.Evidence)...)
	switch {
	case d.Progress != nil:
		a.level = "notice"
	case d.RootCause == "":
		a.level = "warning"
	}
	if d.Fix != "" {
		text = append(text, strings.ToLower(fixTitle(d))+": "+d.Fix)
	}
	a.message = strings.Join(text, "\n")
	return a
}

// waiverNotes are about waivers that somebody should look at again.
func waiverNotes(r *report.Report) []annotation {
	var out []annotation
	for _, w := range r.Waivers {
		level := map[report.WaiverState]string{report.Expired: "warning", report.Invalid: "warning", report.Unused: "notice"}[w.State]
		if level == "" {
			continue
		}
		out = append(out, annotation{
			level: level, title: "waiver " + string(w.State) + ": " + w.Check,
			message: fmt.Sprintf("%s: %s %s, until %s: %s", w.Source, strings.TrimSpace(string(w.Action)+" "+w.Check), orAll(w.Object), dash(w.Until), w.Reason),
		})
	}
	return out
}
