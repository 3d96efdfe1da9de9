package report

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// An Awaited is one thing that a wait goes on for, or what became of it since the last look. Change is empty for what
// the first look found.
type Awaited struct {
	Change   Change
	Check    string
	Severity checks.Severity
	// Object is what it is about, Message what is wrong or could not be seen.
	Object, Message string
	// Unseen is set where something could not be seen, rather than was found.
	Unseen bool
}

// AwaitedSince is what keeps now from passing, as far as it counts from that severity on; or, where there was a look
// before, what is not as it was then.
func AwaitedSince(before, now *Report, failOn checks.Severity) []Awaited {
	if before == nil {
		return awaitedOf(now, failOn)
	}
	var out []Awaited
	d := Compare(before, now, "", "", "")
	for _, f := range d.Findings {
		if f.Severity < failOn {
			continue
		}
		message := f.After
		if message == "" {
			message = f.Before
		}
		out = append(out, Awaited{Change: f.Change, Check: f.Check, Severity: f.Severity, Object: f.Object, Message: message})
	}
	for _, g := range d.Gaps {
		if g.Severity >= failOn {
			out = append(out, Awaited{Change: g.Change, Check: g.Check, Severity: g.Severity, Object: g.Scope, Message: g.Reason, Unseen: true})
		}
	}
	return out
}

func awaitedOf(r *Report, failOn checks.Severity) []Awaited {
	var out []Awaited
	for _, e := range r.Checks {
		if e.Severity < failOn {
			continue
		}
		for _, f := range e.Findings {
			out = append(out, Awaited{Check: e.ID, Severity: e.Severity, Object: ObjectName(f.Object), Message: f.Message})
		}
		for _, g := range e.Missing {
			out = append(out, Awaited{Check: e.ID, Severity: e.Severity, Object: g.Scope, Message: g.Reason, Unseen: true})
		}
	}
	return out
}
