// Package checks judges a snapshot. A check is a value: it does no I/O, reads no clock but the
// snapshot's, and cannot fail. It knows nothing of how its answer is printed.
package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Severity ranks a check; one check has one severity. Two severities are two checks.
type Severity int

const (
	// Info does not count as a problem; it is worth knowing.
	Info Severity = iota
	// Warning does not stop native sidecars from working, or only in some situations.
	Warning
	// Error means that a pod with a native sidecar will not work somewhere in this cluster.
	Error
)

var severityNames = [...]string{"info", "warning", "error"}

func (s Severity) String() string { return severityNames[s] }

// MarshalText writes info, warning or error.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads info, warning or error; anything else is an error.
func (s *Severity) UnmarshalText(text []byte) error {
	for i, name := range severityNames {
		if name == string(text) {
			*s = Severity(i)
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q", text)
}

// Category groups checks in the report, in this order.
type Category string

const (
	ControlPlane Category = "control plane"
	Nodes        Category = "nodes"
	Admission    Category = "admission"
	Pods         Category = "pods"
	Manifests    Category = "manifests"
)

// A Check names one problem. How it is found is a [Rule].
type Check struct {
	// ID names the problem in kebab-case ("kubelet-too-old"). It is the name of the check's file,
	// page and test data, and is never reused for something else.
	ID string
	// Title says in one line what holds when the check passes; no capital, no period.
	Title    string
	Severity Severity
	Category Category
	// Needs are the kinds of facts without which the check cannot pass: if one was not looked for, or has
	// a gap without scope, the check is unknown. Gaps with a scope are for the check to judge.
	Needs []facts.Kind
	// Uses are kinds that it reads as well and can often do without, because another kind may answer: a
	// version that decides makes a reading superfluous. The check judges itself what their absence
	// costs, and puts it into Missing. No kind is in both lists.
	Uses []facts.Kind
	// Advises are kinds that only its steps read. Their absence never leaves the check unknown: a step says itself
	// what it rests on and was not seen.
	Advises []facts.Kind
}

// Reads is every kind of fact that decides what the check says is wrong.
func (c Check) Reads() []facts.Kind { return slices.Concat(c.Needs, c.Uses) }

// An Outcome is what Run saw.
type Outcome struct {
	Findings []Finding
	// Candidates are what would be findings if something were known that is not: each says in CertainIf what.
	// What is missing for them is in Missing as well.
	Candidates []Finding
	// Missing is what Run would have had to see, instance by instance, to pass.
	Missing []facts.Gap
	// Tried says what was looked at, for the reader of a pass: "3 of 3 API servers".
	Tried string
}

// A Finding is one instance of the check's problem.
type Finding struct {
	Object Object `json:"object"`
	// Namespaces are those that Object stands for when it is a class of namespaces or pods: the name of
	// a class is another in the next run. Empty otherwise.
	Namespaces []string `json:"namespaces,omitempty"`
	// Container is the container of the pod that it is about; empty where it is about none.
	Container string `json:"container,omitempty"`
	// Place is where it stands in a manifest; zero, and not written, for what is about a cluster.
	Place Place `json:"place,omitzero"`
	// Message says what is wrong and where; it does not repeat Object, so that equal findings on
	// many objects read the same and can be shown together.
	Message string `json:"message"`
	// Evidence is quoted: metric lines, fields, events. Never empty.
	Evidence []string `json:"evidence"`
	// Steps are what to do, in order. Never empty.
	Steps []Step `json:"steps,omitempty"`
	// Fix is Steps as one text. [Run] writes it.
	Fix string `json:"fix"`
	// Because names the checks whose findings explain this one; it is then a symptom.
	Because []string `json:"because,omitempty"`
	// CertainIf is what makes a candidate a finding; nil for a finding.
	CertainIf *CertainIf `json:"certainIf,omitempty"`
}

// CertainIf is when what a file shows would be certain, whose only clock is the newest time in it. It says one of
// the two, or both.
type CertainIf struct {
	// Since and For: it still holds so long after that time.
	Since metav1.Time     `json:"since,omitzero"`
	For   metav1.Duration `json:"for,omitzero"`
	// TakenBefore: the file was taken before that time, because later it is history.
	TakenBefore metav1.Time `json:"takenBefore,omitzero"`
}

// String is the condition in words.
func (c CertainIf) String() string {
	var parts []string
	if c.For.Duration > 0 {
		parts = append(parts, fmt.Sprintf("this still holds %s after %s", duration.HumanDuration(c.For.Duration), c.Since.UTC().Format(time.RFC3339)))
	}
	if !c.TakenBefore.IsZero() {
		parts = append(parts, "the file was taken before "+c.TakenBefore.UTC().Format(time.RFC3339))
	}
	return "certain if " + strings.Join(parts, " and ")
}

// A Place is a spot in a file. Line and Column count from 1; 0 is not known.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// String is the place as compilers write it, which editors and terminals can follow: FILE:LINE:COLUMN.
func (p Place) String() string {
	out := p.File
	for _, n := range []int{p.Line, p.Column} {
		if n == 0 {
			break
		}
		out += ":" + strconv.Itoa(n)
	}
	return out
}

// An Object is what a finding is about.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// Status is the answer of a check.
type Status string

const (
	Pass    Status = "pass"
	Fail    Status = "fail"
	Unknown Status = "unknown"
	// Skipped means that the user asked not to run it.
	Skipped Status = "skipped"
)

// A Result is a check with what it saw.
type Result struct {
	Check   Check
	Outcome Outcome
	// Skip is set for a check that the user deselected; Run was not called.
	Skip bool
}

// Status is Fail if there is a finding, else Unknown if anything needed is missing, else Pass.
func (r Result) Status() Status {
	switch {
	case r.Skip:
		return Skipped
	case len(r.Outcome.Findings) > 0:
		return Fail
	case len(r.Outcome.Missing) > 0:
		return Unknown
	}
	return Pass
}
