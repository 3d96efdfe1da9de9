package print

import (
	"maps"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// openResults are those of every check: each finding, what was not seen as an error, or that it
// passed. What a waiver covers is skipped and says why.
func openResults(r *report.Report) []openResult {
	var out []openResult
	for _, e := range r.Checks {
		base := openResult{
			Source: openSource, Policy: e.ID, Category: string(e.Category), Severity: openSeverity(e.Severity),
			Properties: map[string]string{"page": checkPage(e.ID)},
		}
		if !r.TakenAt.IsZero() {
			base.Timestamp = &openTime{Seconds: r.TakenAt.Unix()}
		}
		if e.Tried != "" {
			base.Properties["tried"] = e.Tried
		}
		out = append(out, openEntry(base, e)...)
	}
	for _, w := range idle(r) {
		out = append(out, openWaiver(w))
	}
	if len(r.Checks) == 0 {
		return append(out, openResult{Source: openSource, Policy: commandOf(r), Result: "error", Message: r.Summary})
	}
	return out
}

// openWaiver tells of a waiver that covers nothing.
func openWaiver(w report.Waiver) openResult {
	result := openResult{Source: openSource, Policy: w.Check, Severity: "low", Result: "warn", Message: waiverLine(w)}
	if w.State == report.Unused {
		result.Result = "skip"
	}
	if result.Policy == "" {
		result.Policy = "doctor"
	}
	return result
}

func openEntry(base openResult, e report.Entry) []openResult {
	var out []openResult
	for _, f := range e.Findings {
		found := "warn"
		if e.Severity == checks.Error {
			found = "fail"
		}
		result := base.finding(found, f)
		result.Scored = e.Severity == checks.Error
		out = append(out, result)
	}
	if len(e.Missing) > 0 {
		out = append(out, base.with("error", "could not tell: "+missingText(e), nil))
	}
	for _, s := range e.Suppressed {
		result := base.finding("skip", s.Finding)
		result.Message = "suppressed (" + whyWaived(s.Waiver) + "): " + result.Message
		out = append(out, result.waived(s.Waiver))
	}
	for _, a := range e.Accepted {
		result := base.with("skip", "accepted ("+whyWaived(a.Waiver)+"): "+gapText(a.Gap), nil)
		out = append(out, result.waived(a.Waiver))
	}
	switch {
	case len(out) > 0:
		return out
	case e.Status == checks.Pass:
		return []openResult{base.with("pass", e.Title, nil)}
	case e.Status == checks.Skipped:
		return []openResult{base.with("skip", inOneLine(e), nil)}
	}
	return []openResult{base.with("error", inOneLine(e), nil)}
}

func openSeverity(s checks.Severity) string {
	switch s {
	case checks.Error:
		return "high"
	case checks.Warning:
		return "medium"
	}
	return "info"
}

// with is r with an answer and more properties.
func (r openResult) with(result, message string, properties map[string]string) openResult {
	r.Result, r.Message = result, message
	r.Properties = maps.Clone(r.Properties)
	for name, value := range properties {
		if value != "" {
			r.Properties[name] = value
		}
	}
	return r
}

func (r openResult) finding(result string, f checks.Finding) openResult {
	out := r.with(result, f.Message, map[string]string{
		"place": f.Place.String(), "evidence": strings.Join(f.Evidence, "\n"), "fix": f.Fix, "because": strings.Join(f.Because, ", "),
	})
	out.Resources = openReferences(f.Object)
	return out
}

func (r openResult) waived(w report.WaivedBy) openResult {
	return r.with(r.Result, r.Message, map[string]string{
		"waiver": string(w.Action), "reason": w.Reason, "until": w.Until, "source": w.Source,
	})
}
