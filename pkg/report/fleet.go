package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// FleetKind heads a list of reports as a document.
const FleetKind = "ReportList"

// A Fleet is what one command says of several clusters: a list of their reports, and a table of them. Its JSON is
// public: docs/schema/reports.v1.json. Arrays are never null.
type Fleet struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Tool       Tool   `json:"tool"`
	// Command is the one that made the reports: doctor, why or lint.
	Command string `json:"command"`
	// Verdict and ExitCode are the worst of the clusters.
	Verdict  Verdict `json:"verdict"`
	ExitCode int     `json:"exitCode"`
	Summary  string  `json:"summary"`
	// Clusters has a row for each report, in the order of Items: the worst first.
	Clusters []Member  `json:"clusters"`
	Items    []*Report `json:"items"`
}

// A Member is one cluster in a row.
type Member struct {
	Cluster
	Verdict  Verdict `json:"verdict"`
	ExitCode int     `json:"exitCode"`
	// Errors, Warnings and Notes are the checks that found something, by severity; of `why` Errors are the root causes that
	// were found, each with its owner.
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Notes    int `json:"notes"`
	// Unknown are the checks that could not tell, and of `why` what is in trouble without a known cause.
	Unknown int `json:"unknown"`
	// InProgress are, of `why`, the pods that wait for something that may still come.
	InProgress int `json:"inProgress"`
	// Reached is false where nothing of the cluster could be read.
	Reached bool `json:"reached"`
	// First is the most important thing to look at; nil where there is none.
	First *First `json:"first,omitempty"`
}

// A First is the most important finding of a cluster, else the first thing that was not seen.
type First struct {
	Status checks.Status `json:"status"`
	// Check is its id; empty where it is about the whole cluster, or no check knows the cause.
	Check string `json:"check,omitempty"`
	// Object is what it is about, as findings name it.
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
}

// An Unreached says why nothing of a cluster was read, and what to do about it.
type Unreached struct {
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
}

// NewFleet sorts the reports of a command into a list, the worst first. It is the only place that sorts them and the
// only one that decides.
func NewFleet(command string, reports []*Report, toolVersion string) *Fleet {
	f := &Fleet{
		APIVersion: facts.APIVersion, Kind: FleetKind, Tool: Tool{toolVersion}, Command: command,
		Verdict: Unknown, Clusters: []Member{}, Items: withoutIdle(reports),
	}
	rows := map[*Report]Member{}
	for _, r := range f.Items {
		rows[r] = member(r)
	}
	slices.SortStableFunc(f.Items, func(x, y *Report) int {
		a, b := rows[x], rows[y]
		return cmp.Or(
			cmp.Compare(rank(a.Verdict), rank(b.Verdict)),
			cmp.Compare(exitRank(a.ExitCode), exitRank(b.ExitCode)),
			cmp.Compare(b.Errors, a.Errors), cmp.Compare(b.Warnings, a.Warnings), cmp.Compare(b.Unknown, a.Unknown),
			cmp.Compare(a.Context, b.Context))
	})
	for _, r := range f.Items {
		f.Clusters = append(f.Clusters, rows[r])
		f.ExitCode = worse(f.ExitCode, rows[r].ExitCode)
	}
	if len(f.Items) > 0 {
		f.Verdict = f.Clusters[0].Verdict
	}
	f.Summary = f.summary()
	return f
}

// withoutIdle leaves out of each report the waivers of files that cover nothing there and something elsewhere.
func withoutIdle(reports []*Report) []*Report {
	used := map[string]bool{}
	for _, r := range reports {
		for _, w := range r.Waivers {
			used[w.Source] = used[w.Source] || w.State == Used
		}
	}
	out := make([]*Report, 0, len(reports))
	for _, r := range reports {
		one := *r
		one.Waivers = slices.DeleteFunc(append([]Waiver{}, r.Waivers...), func(w Waiver) bool { return w.State == Unused && used[w.Source] })
		out = append(out, &one)
	}
	return out
}

// rank orders verdicts from the worst.
func rank(v Verdict) int { return slices.Index([]Verdict{NotReady, Unknown, InProgress, Ready}, v) }

// exitRank orders exit codes from the worst: what was found comes before what was not seen.
func exitRank(code int) int { return slices.Index([]int{ExitFindings, ExitUnknown, ExitOK}, code) }

// worse is the worse of two exit codes.
func worse(a, b int) int {
	if exitRank(b) < exitRank(a) {
		return b
	}
	return a
}

func member(r *Report) Member {
	m := Member{Cluster: r.Cluster, Verdict: r.Verdict, Reached: r.Unreached == nil, First: first(r)}
	t := count(r.Checks)
	m.Errors, m.Warnings, m.Notes, m.Unknown = t.errors, t.warnings, t.infos, t.unknown
	switch {
	case r.Diagnoses != nil:
		m.ExitCode = r.WhyExitCode()
		m.Errors, m.Warnings, m.Notes, m.InProgress = 0, 0, 0, podsIn(r.InProgress)
		for _, d := range r.Diagnoses {
			if d.RootCause != "" {
				m.Errors++
			} else {
				m.Unknown++
			}
		}
	default:
		m.ExitCode = r.ExitRuleOf().Exit
	}
	return m
}

// first is what to look at first: the worst that was found, else what was not seen.
func first(r *Report) *First {
	if r.Unreached != nil {
		return &First{Status: checks.Unknown, Message: r.Unreached.Reason}
	}
	if list := r.Entries(); len(list) > 0 {
		d := list[0]
		f := &First{Status: checks.Fail, Check: d.RootCause, Object: ObjectName(d.Object), Message: d.Message}
		if d.RootCause == "" {
			f.Status = checks.Unknown
		}
		return f
	}
	var found *First
	worst := checks.Severity(-1)
	for _, e := range r.Checks {
		if len(e.Findings) > 0 && e.Severity > worst && r.Diagnoses == nil {
			f := e.Findings[0]
			found, worst = &First{Status: checks.Fail, Check: e.ID, Object: ObjectName(f.Object), Message: f.Message}, e.Severity
		}
	}
	if found != nil {
		return found
	}
	for _, e := range r.Checks {
		if len(e.Missing) > 0 && e.Severity > worst {
			g := e.Missing[0]
			found, worst = &First{Status: checks.Unknown, Check: e.ID, Object: g.Scope, Message: fmt.Sprintf("%s not seen: %s", g.Kind, g.Reason)}, e.Severity
		}
	}
	return found
}

// Counts are the clusters with each verdict, and how many of the unknown ones were not reached.
func (f *Fleet) Counts() (of map[Verdict]int, unreached int) {
	of = map[Verdict]int{}
	for _, m := range f.Clusters {
		of[m.Verdict]++
		if !m.Reached {
			unreached++
		}
	}
	return of, unreached
}

// summary counts the clusters by verdict.
func (f *Fleet) summary() string {
	of, unreached := f.Counts()
	var parts []string
	for _, v := range []Verdict{NotReady, Unknown, InProgress, Ready} {
		if of[v] == 0 {
			continue
		}
		part := fmt.Sprintf("%d %s", of[v], FleetWords(f.Command, v))
		if v == Unknown && unreached > 0 {
			part += fmt.Sprintf(" (%d not reached)", unreached)
		}
		parts = append(parts, part)
	}
	return prose.Counted(len(f.Clusters), "cluster") + ": " + strings.Join(parts, ", ")
}

// FleetWords is a verdict of a command as it stands in the table of a fleet.
func FleetWords(command string, v Verdict) string {
	if command != "why" {
		return inWords(v)
	}
	switch v {
	case NotReady:
		return "cause found"
	case Ready:
		return "nothing wrong"
	case InProgress:
		return "in progress"
	}
	return "unknown"
}

// Unreachable is the report on a cluster of which nothing could be read: each of the checks that were to run is
// unknown. command is that of the reports beside it.
func Unreachable(command string, of Cluster, all []checks.Check, runs func(id string) bool, why Unreached, toolVersion string) *Report {
	r := &Report{
		APIVersion: facts.APIVersion, Kind: "Report", Tool: Tool{toolVersion}, Cluster: of, Verdict: Unknown, Unreached: &why,
		Summary:  "unknown: nothing of the cluster was read: " + why.Reason,
		Coverage: []Coverage{}, Nodes: []NodeGroup{}, Checks: []Entry{}, Waivers: []Waiver{}, Limits: []string{}, Ignored: []Ignored{},
	}
	r.Webhooks = []cluster.WebhookRow{}
	switch command {
	case "why":
		r.Diagnoses, r.InProgress = []pods.Diagnosis{}, []pods.Diagnosis{}
	case "lint":
		r.Manifests = &Manifests{Skipped: []SkippedManifest{}}
	}
	gap := facts.NewGap(facts.APIServers, facts.Instance{}, why.Reason, facts.Do(why.Remedy))
	for _, c := range all {
		e := Entry{
			ID: c.ID, Title: c.Title, Category: c.Category, Severity: c.Severity, Status: checks.Skipped,
			Findings: []checks.Finding{}, Missing: []facts.Gap{}, Suppressed: []Suppressed{}, Accepted: []Accepted{},
		}
		if runs(c.ID) {
			e.Status, e.Missing = checks.Unknown, []facts.Gap{gap}
		}
		r.Checks = append(r.Checks, e)
	}
	return r
}
