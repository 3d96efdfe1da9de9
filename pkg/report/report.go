// Package report turns results into the document that every format prints. Its JSON is the
// public contract (docs/schema/report.v1.json); the verdict and the exit code come from it alone.
package report

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Verdict is the answer in one word.
type Verdict string

const (
	Ready    Verdict = "ready"
	NotReady Verdict = "not-ready"
	// Unknown means that no error was found, but not all was seen that could show one.
	Unknown Verdict = "unknown"
	// InProgress means, of `why`, that nothing is wrong so far, and that pods wait for something that may still come.
	InProgress Verdict = "in-progress"
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
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Tool       Tool   `json:"tool"`
	// Cluster and TakenAt are those of the snapshot; a file may know neither.
	Cluster Cluster     `json:"cluster"`
	TakenAt metav1.Time `json:"takenAt"`
	Verdict Verdict     `json:"verdict"`
	// Summary is the verdict in one sentence, with counts and coverage.
	Summary string `json:"summary"`
	// Coverage is how much of each kind was seen; a kind that is not in it was not looked for.
	Coverage []Coverage `json:"coverage"`
	// Nodes groups nodes by kubelet version and gate.
	Nodes []NodeGroup `json:"nodes"`
	// Settled is set where gates no longer matter, because of the versions of all API servers and kubelets.
	Settled *cluster.Settled `json:"gatesSettled,omitempty"`
	// Webhooks are the mutating webhooks and policies in call order, with what each does to the field.
	// It is empty, too, when they were not looked for: Coverage tells.
	Webhooks []cluster.WebhookRow `json:"webhooks"`
	Checks   []Entry              `json:"checks"`
	// Waivers are the caller's exceptions, with what came of each; those that cover nothing, or have
	// expired, are here too.
	Waivers []Waiver `json:"waivers"`
	// Limits says how the caller narrowed the question.
	Limits []string `json:"limits"`
	// Meanwhile is what can be done until the cluster runs native sidecars; nil, and not written, where it does.
	Meanwhile []checks.Step `json:"meanwhile,omitempty"`
	// Ignored counts the objects of an input file that no check has a use for.
	Ignored []Ignored `json:"ignored"`
	// Diagnoses are the answers of `why`; nil, and not written, in the report of another command.
	Diagnoses []pods.Diagnosis `json:"diagnoses,omitzero"`
	// InProgress are, of `why`, the pods that wait for something that may still come; nil, and not written, in the
	// report of another command.
	InProgress []pods.Diagnosis `json:"inProgress,omitzero"`
	// Changes is, of `why --watch`, what is not as in the report before; nil, and not written, in any other report.
	Changes []pods.Change `json:"changes,omitzero"`
	// Manifests is what lint looked at; nil, and not written, in the report of another command.
	Manifests *Manifests `json:"manifests,omitzero"`
	// Unreached says why nothing was read; only in lists of reports.
	Unreached *Unreached `json:"unreached,omitempty"`
	// Named is set by the caller when the user named what `why` was to look at: then pods in progress do not pass.
	Named bool `json:"-"`
	// ExitRule is set by a command whose exit code the caller can influence; nil otherwise.
	ExitRule *ExitRule `json:"-"`
	// Until is where pictures end: TakenAt, or the newest time of a file that does not know its own.
	Until time.Time `json:"-"`
}

// Tool is the plugin that made the report.
type Tool struct {
	Version string `json:"version"`
}

// Cluster is what the report is about.
type Cluster struct {
	// Context is its name in the kubeconfig; only in lists of reports.
	Context string `json:"context,omitempty"`
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

// Ignored is a number of objects of one kind ("configmap", "deployment.apps").
type Ignored struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
}

// An Entry is one check with its answer.
type Entry struct {
	ID       string          `json:"id"`
	Title    string          `json:"title"`
	Category checks.Category `json:"category"`
	Severity checks.Severity `json:"severity"`
	Status   checks.Status   `json:"status"`
	Tried    string          `json:"tried"`
	// Findings and Missing are what counts: what a waiver covers is in the next two.
	Findings []checks.Finding `json:"findings"`
	Missing  []facts.Gap      `json:"missing"`
	// Suppressed are findings that do not count, Accepted gaps that do not, each with the reason.
	Suppressed []Suppressed `json:"suppressed"`
	Accepted   []Accepted   `json:"accepted"`
}

// New sorts results into a report. It is the only place that sorts and the only one that decides.
func New(s *facts.Snapshot, judged cluster.Judgment, toolVersion string) *Report {
	r := &Report{
		APIVersion: facts.APIVersion,
		Kind:       "Report",
		Tool:       Tool{Version: toolVersion},
		Cluster:    Cluster{Server: s.Server},
		TakenAt:    s.TakenAt,
		Coverage:   coverage(s, judged.Nodes),
		Nodes:      nodeGroups(judged.Nodes),
		Settled:    judged.Settled,
		Webhooks:   judged.Webhooks,
		Checks:     []Entry{},
		Waivers:    []Waiver{},
		Limits:     append([]string{}, s.Limits...),
		Ignored:    ignored(s.Unknown),
	}
	if s.ServerVersion != nil {
		r.Cluster.Version = s.ServerVersion.GitVersion
	}
	for _, res := range judged.Results {
		r.Checks = append(r.Checks, entry(res))
	}
	r.Verdict = verdict(r.Checks)
	r.Summary = Summarize(r)
	r.Meanwhile = meanwhile(r)
	return r
}

func ignored(counts map[string]int) []Ignored {
	out := []Ignored{}
	for kind, n := range counts {
		out = append(out, Ignored{Kind: kind, Count: n})
	}
	slices.SortFunc(out, func(a, b Ignored) int { return cmp.Compare(a.Kind, b.Kind) })
	return out
}

func entry(res checks.Result) Entry {
	e := Entry{
		ID: res.Check.ID, Title: res.Check.Title, Category: res.Check.Category,
		Severity: res.Check.Severity, Status: res.Status(), Tried: res.Outcome.Tried,
		Findings:   append([]checks.Finding{}, res.Outcome.Findings...),
		Missing:    append([]facts.Gap{}, res.Outcome.Missing...),
		Suppressed: []Suppressed{},
		Accepted:   []Accepted{},
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

// verdict: a finding of severity error decides; else an unknown check of severity error does; and
// where no check of that severity ran at all, nothing was seen that could be called ready.
func verdict(entries []Entry) Verdict {
	switch code := exitCode(entries, checks.Error); {
	case code == ExitFindings:
		return NotReady
	case code == ExitUnknown || !anyRan(entries, checks.Error):
		return Unknown
	}
	return Ready
}

func anyRan(entries []Entry, least checks.Severity) bool {
	return slices.ContainsFunc(entries, func(e Entry) bool {
		return e.Severity >= least && e.Status != checks.Skipped
	})
}

// ExitCode is 3 when a check at or above failOn found something, else 4 when one could not tell,
// else 0. It does not depend on the format.
func (r *Report) ExitCode(failOn checks.Severity) int {
	if r.Unreached != nil {
		return ExitUnknown
	}
	return exitCode(r.Checks, failOn)
}

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
