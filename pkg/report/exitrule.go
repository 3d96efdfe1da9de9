package report

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// An ExitRule is what the caller makes of the report. Formats for machines that have a notion of passing
// say by it what the exit code says.
type ExitRule struct {
	// FailOn is the lowest severity that counts.
	FailOn checks.Severity
	// Exit is the exit code that the command will end with.
	Exit int
}

// ExitRuleOf is that of the caller; without one everything counts.
func (r *Report) ExitRuleOf() ExitRule {
	if r.ExitRule != nil {
		return *r.ExitRule
	}
	return ExitRule{FailOn: checks.Info, Exit: r.ExitCode(checks.Info)}
}

// Obey makes the report obey a rule: ready never stands above an exit code that says otherwise.
func (r *Report) Obey(rule ExitRule) {
	r.ExitRule = &rule
	if r.Verdict != Ready {
		return
	}
	switch rule.Exit {
	case ExitFindings:
		r.Verdict = NotReady
	case ExitUnknown:
		r.Verdict = Unknown
	default:
		return
	}
	r.Summary = Summarize(r)
}

// strict is the verdict of a report in which less than an error counts.
func (r *Report) strict() string {
	if r.ExitRule == nil || r.ExitRule.FailOn == checks.Error {
		return ""
	}
	return fmt.Sprintf("%s: with --fail-on %s", inWords(r.Verdict), r.ExitRule.FailOn)
}
