package print

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// A problem is a group of findings with the check that has them.
type problem struct {
	*findingGroup
	check report.Entry
}

// problems are all groups of findings, the worst first and otherwise in the order of the report.
func problems(r *report.Report) []problem {
	var out []problem
	for _, e := range r.Checks {
		for _, g := range groupFindings(e.Findings) {
			out = append(out, problem{findingGroup: g, check: e})
		}
	}
	slices.SortStableFunc(out, func(a, b problem) int { return int(b.check.Severity) - int(a.check.Severity) })
	return out
}

// on names the objects of a problem, at most n of them.
func (p problem) on(n int) string { return atMost(n, p.objects()) }

// A hole is a group of gaps with all the checks that lack them.
type hole struct {
	*gapGroup
	ids []string
	// severity is the highest of those checks.
	severity checks.Severity
}

// holes are what could not be seen, each once, those that a verdict may hang on first.
func holes(r *report.Report) []hole {
	var out []hole
	places := map[string]int{}
	for _, e := range r.Checks {
		for _, g := range groupGaps(e.Missing) {
			id := g.id()
			at, known := places[id]
			if !known {
				at = len(out)
				out = append(out, hole{gapGroup: g})
				places[id] = at
			}
			out[at].ids = append(out[at].ids, e.ID)
			out[at].severity = max(out[at].severity, e.Severity)
		}
	}
	slices.SortStableFunc(out, func(a, b hole) int { return int(b.severity) - int(a.severity) })
	return out
}

// why is the reason, marked as an example where the reasons differ.
func (h hole) why() string {
	if h.same {
		return h.reason
	}
	return "for example: " + h.reason
}
