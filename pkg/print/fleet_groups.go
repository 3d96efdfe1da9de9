package print

import (
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// A fleetProblem is what is wrong in one or more clusters: the same update of an injector is bad everywhere, and fixed
// once. The first cluster that has it, which is the one that is worst off, is the example.
type fleetProblem struct {
	id       string // of the check; empty where no check knows the cause
	title    string
	mark     mark
	severity checks.Severity
	clusters []string
	// where and message are of the first finding in the first cluster, and so are the steps.
	where, message string
	steps          []checks.Step
	fix            string // what the steps are called
}

// fleetProblems are those of all clusters, the worst first, and of those what most clusters have.
func fleetProblems(f *report.Fleet) []*fleetProblem {
	var out []*fleetProblem
	index := map[string]*fleetProblem{}
	add := func(p fleetProblem, cluster string) {
		known := index[p.id+"\x00"+p.title]
		if known == nil {
			known = &p
			index[p.id+"\x00"+p.title] = known
			out = append(out, known)
		}
		if !slices.Contains(known.clusters, cluster) {
			known.clusters = append(known.clusters, cluster)
		}
	}
	for _, r := range f.Items {
		if f.Command == "why" {
			for _, d := range byCause(r) {
				p := fleetProblem{id: d.Named(), title: causeTitle(d), mark: diagnosisMark(d), severity: checks.Error}
				if d.RootCause == "" {
					p.severity = checks.Warning
				}
				if d.Progress != nil {
					p.severity = checks.Info
				}
				p.where, p.message = report.ObjectName(d.Object)+report.PodsOf(d), d.Message
				p.steps, p.fix = stepsOf(d.Steps, d.Fix), strings.ToLower(fixTitle(d))
				add(p, r.Cluster.Context)
			}
			continue
		}
		for _, e := range r.Checks {
			if len(e.Findings) == 0 {
				continue
			}
			first := e.Findings[0]
			add(fleetProblem{
				id: e.ID, title: e.Title, mark: markOf(e), severity: e.Severity,
				where: whereOf(first), message: first.Message, steps: stepsOf(first.Steps, first.Fix), fix: "fix",
			}, r.Cluster.Context)
		}
	}
	slices.SortStableFunc(out, func(a, b *fleetProblem) int {
		if a.severity != b.severity {
			return int(b.severity) - int(a.severity)
		}
		return len(b.clusters) - len(a.clusters)
	})
	return out
}

// A fleetHole is what was not seen in one or more clusters that were reached.
type fleetHole struct {
	hole
	clusters []string
}

// fleetHoles are those of all clusters, those that a verdict may hang on first.
func fleetHoles(f *report.Fleet) []*fleetHole {
	var out []*fleetHole
	index := map[string]*fleetHole{}
	for _, r := range f.Items {
		if r.Unreached != nil {
			continue
		}
		for _, h := range holes(r) {
			known := index[h.key]
			if known == nil {
				known = &fleetHole{hole: h}
				index[h.key] = known
				out = append(out, known)
			}
			if !slices.Contains(known.clusters, r.Cluster.Context) {
				known.clusters = append(known.clusters, r.Cluster.Context)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *fleetHole) int { return int(b.severity) - int(a.severity) })
	return out
}

// unreachedOf are the clusters of which nothing was read.
func unreachedOf(f *report.Fleet) []*report.Report {
	var out []*report.Report
	for _, r := range f.Items {
		if r.Unreached != nil {
			out = append(out, r)
		}
	}
	return out
}

// A fleetNote is a line that is said of one or more clusters.
type fleetNote struct {
	text     string
	clusters []string
}

// fleetNotes gathers what of says of each report.
func fleetNotes(f *report.Fleet, of func(*report.Report) []string) []*fleetNote {
	var out []*fleetNote
	index := map[string]*fleetNote{}
	for _, r := range f.Items {
		for _, text := range of(r) {
			if index[text] == nil {
				index[text] = &fleetNote{text: text}
				out = append(out, index[text])
			}
			if n := index[text]; !slices.Contains(n.clusters, r.Cluster.Context) {
				n.clusters = append(n.clusters, r.Cluster.Context)
			}
		}
	}
	return out
}

func limitsOf(r *report.Report) []string { return r.Limits }

func idleLines(r *report.Report) []string {
	var out []string
	for _, w := range idle(r) {
		out = append(out, waiverLine(w))
	}
	return out
}
