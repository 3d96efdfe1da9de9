package report

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A spot is what a gap is about, whatever the reason is. Of a class it is what stays of it: its ID is another
// in the next run.
type spot struct {
	kind  facts.Kind
	scope string
	class facts.Instance
}

func spotOf(g facts.Gap) spot {
	if g.Instance.Class == "" {
		return spot{kind: g.Kind, scope: g.Scope}
	}
	class := g.Instance
	class.Class = ""
	return spot{kind: g.Kind, class: class}
}

// gapDiffs compares what a check lacks. Where a kind as a whole was missing, no part of it is lost.
func gapDiffs(before, after *Entry) []GapDiff {
	out := lostGaps(Lost, before.Missing, before.Accepted, after)
	out = append(out, lostGaps(Regained, after.Missing, after.Accepted, before)...)
	return out
}

// lostGaps are those that e has and that are not among the others.
func lostGaps(change Change, others []facts.Gap, accepted []Accepted, e *Entry) []GapDiff {
	seen := map[spot]bool{}
	for _, a := range accepted {
		others = append(others[:len(others):len(others)], a.Gap)
	}
	for _, g := range others {
		seen[spotOf(g)] = true
	}
	var out []GapDiff
	for _, g := range e.Missing {
		at := spotOf(g)
		if seen[at] || seen[spot{kind: g.Kind}] {
			continue
		}
		seen[at] = true
		out = append(out, GapDiff{Change: change, Check: e.ID, Severity: e.Severity, Kind: g.Kind, Scope: g.Scope, Reason: g.Reason})
	}
	return out
}
