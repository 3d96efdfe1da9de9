package report

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"

// A Gate is what the caller makes of the report. Formats for machines that have a notion of passing
// say by it what the exit code says.
type Gate struct {
	// FailOn is the lowest severity that counts.
	FailOn checks.Severity
	// Exit is the exit code that the command will end with.
	Exit int
}

// gate is that of the caller; without one everything counts.
func (r *Report) gate() Gate {
	if r.Gate != nil {
		return *r.Gate
	}
	return Gate{FailOn: checks.Info, Exit: r.ExitCode(checks.Info)}
}
