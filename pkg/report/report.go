// Package report turns results into the document that every format prints. Its JSON is the
// public contract (docs/schema/report.v1.json); the verdict and the exit code come from it alone.
package report

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Verdict is the answer in one word.
type Verdict string

const (
	Ready    Verdict = "ready"
	NotReady Verdict = "not-ready"
	// Unknown means that no error was found, but not all was seen that could show one.
	Unknown Verdict = "unknown"
)

// Exit codes of every command that prints a report; 1 (could not run) and 2 (wrong command line)
// never come from a report.
const (
	ExitOK       = 0
	ExitFindings = 3
	ExitUnknown  = 4
)

// A Report is what is printed. Arrays are never null.
type Report struct {
	APIVersion string      `json:"apiVersion"`
	Kind       string      `json:"kind"`
	Tool       Tool        `json:"tool"`
	Cluster    Cluster     `json:"cluster"`
	TakenAt    metav1.Time `json:"takenAt"`
	Verdict    Verdict     `json:"verdict"`
	// Coverage is how much of each kind was seen.
	Coverage []Coverage `json:"coverage"`
	// Nodes groups nodes by kubelet version and gate.
	Nodes  []NodeGroup `json:"nodes"`
	Checks []Entry     `json:"checks"`
	// Limits says how the caller narrowed the question.
	Limits []string `json:"limits"`
}

// Tool is the plugin that made the report.
type Tool struct {
	Version string `json:"version"`
}

// Cluster is what the report is about.
type Cluster struct {
	Server  string `json:"server"`
	Version string `json:"version"`
}

// Coverage is how much of one kind of fact was seen; Total is -1 when it is not known.
type Coverage struct {
	Kind  facts.Kind `json:"kind"`
	Seen  int        `json:"seen"`
	Total int        `json:"total"`
}

// A NodeGroup is the nodes with one kubelet version and one state of the gate.
type NodeGroup struct {
	Version string `json:"version"`
	// Gate is on, off, unsupported or unknown; Source says how that is known.
	Gate   string   `json:"gate"`
	Source string   `json:"source"`
	Names  []string `json:"names"`
}

// An Entry is one check with its answer.
type Entry struct {
	ID       string           `json:"id"`
	Title    string           `json:"title"`
	Category checks.Category  `json:"category"`
	Severity checks.Severity  `json:"severity"`
	Status   checks.Status    `json:"status"`
	Tried    string           `json:"tried"`
	Findings []checks.Finding `json:"findings"`
	Missing  []facts.Gap      `json:"missing"`
}

// New sorts results into a report. It is the only place that sorts and the only one that decides.
func New(s *facts.Snapshot, results []checks.Result, toolVersion string) *Report {
	r := &Report{
		APIVersion: facts.APIVersion,
		Kind:       "Report",
		Tool:       Tool{Version: toolVersion},
		Cluster:    Cluster{Server: s.Server},
		TakenAt:    s.TakenAt,
		Coverage:   coverage(s),
		Nodes:      nodeGroups(s),
		Checks:     []Entry{},
		Limits:     append([]string{}, s.Limits...),
	}
	if s.ServerVersion != nil {
		r.Cluster.Version = s.ServerVersion.GitVersion
	}
	for _, res := range results {
		r.Checks = append(r.Checks, entry(res))
	}
	r.Verdict = verdict(r.Checks)
	return r
}

func entry(res checks.Result) Entry {
	e := Entry{
		ID: res.Check.ID, Title: res.Check.Title, Category: res.Check.Category,
		Severity: res.Check.Severity, Status: res.Status(), Tried: res.Outcome.Tried,
		Findings: append([]checks.Finding{}, res.Outcome.Findings...),
		Missing:  append([]facts.Gap{}, res.Outcome.Missing...),
	}
	for i := range e.Findings {
		e.Findings[i].Evidence = append([]string{}, e.Findings[i].Evidence...)
	}
	slices.SortStableFunc(e.Findings, func(a, b checks.Finding) int {
		return cmp.Or(
			cmp.Compare(a.Object.Namespace, b.Object.Namespace),
			cmp.Compare(a.Object.Kind, b.Object.Kind),
			cmp.Compare(a.Object.Name, b.Object.Name),
			cmp.Compare(a.Message, b.Message))
	})
	slices.SortStableFunc(e.Missing, func(a, b facts.Gap) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Reason, b.Reason))
	})
	return e
}

// verdict: a finding of severity error decides; else an unknown check of severity error does.
func verdict(entries []Entry) Verdict {
	switch code := exitCode(entries, checks.Error); code {
	case ExitFindings:
		return NotReady
	case ExitUnknown:
		return Unknown
	}
	return Ready
}

// ExitCode is 3 when a check at or above failOn found something, else 4 when one could not tell,
// else 0. It does not depend on the format.
func (r *Report) ExitCode(failOn checks.Severity) int { return exitCode(r.Checks, failOn) }

func exitCode(entries []Entry, failOn checks.Severity) int {
	code := ExitOK
	for _, e := range entries {
		switch {
		case e.Severity < failOn:
		case e.Status == checks.Fail:
			return ExitFindings
		case e.Status == checks.Unknown:
			code = ExitUnknown
		}
	}
	return code
}
