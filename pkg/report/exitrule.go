package report

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"

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
