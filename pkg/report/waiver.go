package report

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Waived is the status of a check whose findings and gaps are all covered by waivers. It counts as
// a pass and is not called one.
const Waived checks.Status = "waived"

// A Waiver is somebody's decision that findings of a check do not count, or that a gap of it is
// accepted.
type Waiver struct {
	// Action is what the waiver does: suppress a finding, accept a gap, or baseline, which suppresses
	// what was there when the baseline was written.
	Action WaiverAction `json:"action"`
	// Check is the id of the check; empty where the state is invalid and not even that can be read.
	Check string `json:"check"`
	// Object is what the waiver is limited to: KIND/NAMESPACE/NAME or KIND/NAME as findings are
	// printed, or the scope of a gap; empty for all.
	Object string `json:"object"`
	// Reason is in the words of who decided.
	Reason string `json:"reason"`
	// Until is the last day on which the waiver holds, as 2027-01-31; empty only for a baseline.
	Until string `json:"until"`
	// Source is where it is written: FILE:LINE, or annotation on KIND/NAME.
	Source string `json:"source"`
	// State is what came of it: used, unused, expired or invalid.
	State WaiverState `json:"state"`
	// Count is the number of findings and gaps that it covers; for an expired one, that it would.
	Count int `json:"count"`
}

// A WaiverAction is what a waiver does.
type WaiverAction string

const (
	Suppress WaiverAction = "suppress"
	Accept   WaiverAction = "accept"
	Baseline WaiverAction = "baseline"
)

// A WaiverState is what came of a waiver.
type WaiverState string

const (
	Used    WaiverState = "used"
	Unused  WaiverState = "unused"
	Expired WaiverState = "expired"
	// Invalid is an annotation that cannot be read; Reason says why. It covers nothing.
	Invalid WaiverState = "invalid"
)

// A WaivedBy says why something does not count.
type WaivedBy struct {
	Action WaiverAction `json:"action"`
	Reason string       `json:"reason"`
	Until  string       `json:"until"`
	Source string       `json:"source"`
}

// Suppressed is a finding that does not count.
type Suppressed struct {
	checks.Finding
	Waiver WaivedBy `json:"waiver"`
}

// Accepted is a gap that does not count.
type Accepted struct {
	facts.Gap
	Waiver WaivedBy `json:"waiver"`
}
