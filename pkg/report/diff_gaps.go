package report

import (
	"regexp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// className is the name of a class in the scope of a gap, which is another in the next run.
var className = regexp.MustCompile(`^(class|shape)-\d+ ?`)

// gapDiffs compares what a check lacks. Where a kind as a whole was missing, no part of it is lost.
func gapDiffs(before, after *Entry) []GapDiff {
	out := lostGaps(Lost, before.Missing, before.Accepted, after)
	out = append(out, lostGaps(Regained, after.Missing, after.Accepted, before)...)
	return out
}

// lostGaps are those that e has and that are not among the others.
func lostGaps(change Change, others []facts.Gap, accepted []Accepted, e *Entry) []GapDiff {
	type spot struct {
		kind  facts.Kind
		scope string
	}
	seen := map[spot]bool{}
	for _, a := range accepted {
		others = append(others[:len(others):len(others)], a.Gap)
	}
	for _, g := range others {
		seen[spot{g.Kind, className.ReplaceAllString(g.Scope, "")}] = true
	}
	var out []GapDiff
	for _, g := range e.Missing {
		at := spot{g.Kind, className.ReplaceAllString(g.Scope, "")}
		if seen[at] || seen[spot{g.Kind, ""}] {
			continue
		}
		seen[at] = true
		out = append(out, GapDiff{Change: change, Check: e.ID, Severity: e.Severity, Kind: g.Kind, Scope: g.Scope, Reason: g.Reason})
	}
	return out
}
