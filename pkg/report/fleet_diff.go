package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A FleetDiff is what became of several clusters between two lists of reports. Its JSON is public:
// docs/schema/diffs.v1.json. Arrays are never null.
type FleetDiff struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Tool       Tool      `json:"tool"`
	Before     FleetSide `json:"before"`
	After      FleetSide `json:"after"`
	Summary    string    `json:"summary"`
	// Added and Removed are the clusters that are in one of the lists only.
	Added   []Member `json:"added"`
	Removed []Member `json:"removed"`
	// Items are the changes of each cluster that is in both, those for the worse first.
	Items []*Diff `json:"items"`

	added []*Report
}

// A FleetSide is one of the two lists.
type FleetSide struct {
	Source  string  `json:"source"`
	Verdict Verdict `json:"verdict"`
	Summary string  `json:"summary"`
}

// CompareFleets says what became of the clusters of before, which contexts tell apart. The names are what the user
// calls the two.
func CompareFleets(before, after *Fleet, beforeName, afterName, toolVersion string) *FleetDiff {
	d := &FleetDiff{
		APIVersion: facts.APIVersion, Kind: "DiffList", Tool: Tool{toolVersion},
		Before: FleetSide{beforeName, before.Verdict, before.Summary}, After: FleetSide{afterName, after.Verdict, after.Summary},
		Added: []Member{}, Removed: []Member{}, Items: []*Diff{},
	}
	was := map[string]*Report{}
	for _, r := range before.Items {
		was[r.Cluster.Context] = r
	}
	is := map[string]bool{}
	for _, r := range after.Items {
		is[r.Cluster.Context] = true
		if b := was[r.Cluster.Context]; b != nil {
			d.Items = append(d.Items, Compare(b, r, beforeName, afterName, toolVersion))
			continue
		}
		d.Added, d.added = append(d.Added, alone(r)), append(d.added, r)
	}
	for _, r := range before.Items {
		if !is[r.Cluster.Context] {
			d.Removed = append(d.Removed, alone(r))
		}
	}
	slices.SortStableFunc(d.Items, func(a, b *Diff) int {
		return cmp.Or(
			cmp.Compare(exitRank(a.ExitCode(checks.Info)), exitRank(b.ExitCode(checks.Info))),
			cmp.Compare(b.changes(), a.changes()), cmp.Compare(a.After.Cluster.Context, b.After.Cluster.Context))
	})
	d.Summary = d.summary()
	return d
}

// alone is the row of a report that was read from a file, which does not tell --fail-on.
func alone(r *Report) Member {
	m := member(r)
	m.ExitCode = r.ExitCode(checks.Error)
	return m
}

// changes counts what is not as it was.
func (d *Diff) changes() int { return len(d.Findings) + len(d.Gaps) + len(d.Nodes) }

// Changed reports whether anything is not as it was.
func (d *Diff) Changed() bool { return d.changes() > 0 || d.Before.Verdict != d.After.Verdict }

// ExitCode is the worst of the clusters. All that is wrong in a cluster that came is new; what a cluster that went had
// can no longer be seen.
func (d *FleetDiff) ExitCode(failOn checks.Severity) int {
	code := ExitOK
	for _, one := range d.Items {
		code = worse(code, one.ExitCode(failOn))
	}
	for _, r := range d.added {
		code = worse(code, r.ExitCode(failOn))
	}
	if len(d.Removed) > 0 {
		code = worse(code, ExitUnknown)
	}
	return code
}

func (d *FleetDiff) summary() string {
	var worseOnes, unseen, better, same int
	for _, one := range d.Items {
		switch one.ExitCode(checks.Info) {
		case ExitFindings:
			worseOnes++
		case ExitUnknown:
			unseen++
		default:
			if one.Changed() {
				better++
			} else {
				same++
			}
		}
	}
	var parts []string
	add := func(n int, words string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words))
		}
	}
	add(worseOnes, "with something new")
	add(unseen, "where something is no longer seen")
	add(better, "changed without anything new")
	add(same, "the same")
	add(len(d.Added), "added")
	add(len(d.Removed), "removed")
	n := len(d.Items) + len(d.Added) + len(d.Removed)
	if n == 0 {
		return "no clusters"
	}
	return prose.Counted(n, "cluster") + ": " + strings.Join(parts, ", ")
}
