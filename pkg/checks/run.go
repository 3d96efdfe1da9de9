package checks

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A Rule is a check with how its problem is found in F: a snapshot with what the checks of one family
// look up in it again and again. Run is pure: it does no I/O, and the only clock is the snapshot's.
type Rule[F any] struct {
	Check
	Run func(F) Outcome
}

// Run judges a snapshot with every rule, in order; of is the same snapshot as the rules want it. skip,
// which may be nil, reports which checks are not to run.
func Run[F any](s *facts.Snapshot, of F, rules []Rule[F], skip func(id string) bool) []Result {
	out := make([]Result, 0, len(rules))
	for _, r := range rules {
		if skip != nil && skip(r.ID) {
			out = append(out, Result{Check: r.Check, Skip: true})
			continue
		}
		o := r.Run(of)
		var missing []facts.Gap
		for _, kind := range r.Needs {
			missing = append(missing, Unread(s, kind)...)
		}
		o.Missing = append(missing, o.Missing...)
		for _, list := range [][]Finding{o.Findings, o.Candidates} {
			for i := range list {
				if f := &list[i]; len(f.Steps) > 0 {
					f.Fix = FixOf(f.Steps)
				}
			}
		}
		out = append(out, Result{Check: r.Check, Outcome: o})
	}
	return out
}

// List is the checks of rules, in their order.
func List[F any](rules []Rule[F]) []Check {
	out := make([]Check, 0, len(rules))
	for _, r := range rules {
		out = append(out, r.Check)
	}
	return out
}

// Unread says why kind k as a whole, or an unknown part of it, is not in the snapshot; it is empty
// when k was looked for and has no gap without scope.
func Unread(s *facts.Snapshot, k facts.Kind) []facts.Gap {
	if !s.Has(k) {
		return []facts.Gap{facts.NewGap(k, facts.Instance{}, "not looked for", facts.HowToGet(k))}
	}
	return s.GapsOf(k, "")
}

// AddUnread adds to a finding what was looked for and could not be read: it stands, and might say more.
// That a clock is missing the checks say themselves, where it matters.
func (o *Outcome) AddUnread(s *facts.Snapshot, kinds []facts.Kind) {
	if len(o.Findings) == 0 {
		return
	}
	for _, g := range s.Gaps {
		if g.Kind != facts.Clock && slices.Contains(kinds, g.Kind) && !slices.Contains(o.Missing, g) {
			o.Missing = append(o.Missing, g)
		}
	}
}
