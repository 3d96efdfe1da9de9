package print

import (
	"fmt"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// pages is where the page of each check can be read, for formats that have a place for a link.
const pages = "https://github.com/kubectl-sidecar/kubectl-sidecar/blob/main/docs/checks/"

// checkPage is the address of the page of a check.
func checkPage(id string) string { return pages + id + ".md" }

// inOneLine is the answer of a check, for formats that have one line for it.
func inOneLine(e report.Entry) string {
	switch {
	case e.Status == checks.Pass && e.Tried != "":
		return e.Title + " - " + e.Tried
	case e.Status == checks.Pass:
		return e.Title
	case e.Status == checks.Skipped:
		return "not selected by --checks or --skip"
	case e.Status == report.Waived:
		return "waived: " + strings.Join(reasons(e), "; ")
	case len(e.Findings) > 0:
		first := e.Findings[0].Message
		if name := whereOf(e.Findings[0]); name != "" {
			first = name + ": " + first
		}
		return first + more(len(e.Findings))
	case len(e.Missing) > 0:
		return "could not tell: " + gapLine(e) + more(len(e.Missing))
	}
	return "could not tell"
}

// gapLine is the first gap of a check.
func gapLine(e report.Entry) string {
	g := e.Missing[0]
	if g.Scope != "" {
		return fmt.Sprintf("%s of %s: %s", g.Kind, g.Scope, g.Reason)
	}
	return fmt.Sprintf("%s: %s", g.Kind, g.Reason)
}

// more counts what comes after the first of n.
func more(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (+%d more)", n-1)
}

// inFull is all that -o wide says of a check.
func inFull(e report.Entry) string {
	var b strings.Builder
	p := newPage(&b, Options{Unicode: true}, true)
	p.entry(e)
	p.w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// waivedLines says of a check what does not count, and why.
func waivedLines(e report.Entry) []string {
	var out []string
	for _, s := range e.Suppressed {
		out = append(out, fmt.Sprintf("suppressed: %s: %s (%s)", whereOf(s.Finding), s.Message, whyWaived(s.Waiver)))
	}
	for _, a := range e.Accepted {
		out = append(out, fmt.Sprintf("accepted: %s (%s)", notSeen(a.Gap), whyWaived(a.Waiver)))
	}
	return out
}

// reasons are those of the waivers of a check, each once.
func reasons(e report.Entry) []string {
	var out []string
	seen := map[string]bool{}
	add := func(w report.WaivedBy) {
		if text := whyWaived(w); !seen[text] {
			seen[text] = true
			out = append(out, text)
		}
	}
	for _, s := range e.Suppressed {
		add(s.Waiver)
	}
	for _, a := range e.Accepted {
		add(a.Waiver)
	}
	return out
}

// whyWaived is the reason of a waiver, until when it holds and where it is written.
func whyWaived(w report.WaivedBy) string {
	text := w.Reason
	if text == "" {
		text = string(w.Action)
	}
	if w.Until != "" {
		text += ", until " + w.Until
	}
	if w.Source != "" {
		text += ", " + w.Source
	}
	return text
}

// notSeen is what was not seen, and why.
func notSeen(g facts.Gap) string {
	return fmt.Sprintf("%s not seen: %s", strings.TrimSpace(string(g.Kind)+" "+g.Scope), g.Reason)
}

// gapText is notSeen with what would help.
func gapText(g facts.Gap) string {
	text := notSeen(g)
	if g.Remedy != "" {
		text += "\nremedy: " + g.Remedy
	}
	return text
}

// missingText is that of all gaps of a check. What differs only in the instance is said once.
func missingText(e report.Entry) string {
	var out []string
	for _, g := range groupGaps(e.Missing) {
		text := fmt.Sprintf("%s not seen: %s", g.what(one), g.reason)
		if g.remedy.Text != "" {
			text += "\nremedy: " + g.remedy.String()
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n")
}

// idle are the waivers that somebody should look at: those that are used stand with what they cover.
func idle(r *report.Report) []report.Waiver {
	var out []report.Waiver
	for _, w := range r.Waivers {
		if w.State != report.Used {
			out = append(out, w)
		}
	}
	return out
}

// waiverLine is a waiver that is not used, and why that is so.
func waiverLine(w report.Waiver) string {
	what := strings.TrimSpace(string(w.Action) + " " + w.Check)
	if w.Object != "" {
		what += " on " + w.Object
	}
	text := fmt.Sprintf("waiver %s: %s (%s)", w.State, what, whyWaived(report.WaivedBy{Action: w.Action, Reason: w.Reason, Until: w.Until, Source: w.Source}))
	if w.State == report.Expired {
		text += fmt.Sprintf(", would cover %d", w.Count)
	}
	return text
}
