package pods

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A file that does not say when it was taken was taken at the newest time in it or later. A check is
// therefore asked what it would say at the newest time, and at moments after it. What it says at the newest time
// is proven: as the file shows the pod, it has lasted long enough by then. Only a pod that is well may have got
// over it since. What it says at some of the moments only is a candidate, and the moment from which on, or
// up to which, it says so is what would make it certain. Checks need not know of this: they read ages.

// A question is what a check asks about a pod: its problem, or nil, and what was missing to answer.
type question = func(p subject) (f *checks.Finding, gaps []facts.Gap)

// supposedScope is the scope of the clock's gap in a snapshot that is supposed to be taken at a moment.
const supposedScope = "supposed"

// answer is what a check says about a pod. A finding with CertainIf is a candidate; what is missing to tell is then
// among the gaps.
func (p subject) answer(ask question) (*checks.Finding, []facts.Gap) {
	if !p.s.undated() {
		return ask(p)
	}
	first, gaps := ask(p.supposed(0))
	if p.timeless() || first != nil && !p.seemsWell() {
		return first, gaps
	}
	found := []*checks.Finding{first}
	for _, m := range moments[1:] {
		f, more := ask(p.supposed(m))
		found = append(found, f)
		for _, g := range more {
			if !slices.Contains(gaps, g) {
				gaps = append(gaps, g)
			}
		}
	}
	from, until, ok := span(found)
	if !ok || from == 0 && until == len(moments) {
		return first, gaps
	}
	holds := func(d time.Duration) bool {
		f, _ := ask(p.supposed(d))
		return same(f, found[from])
	}
	f, certain := found[from], &checks.CertainIf{}
	if from > 0 {
		certain.Since, certain.For.Duration = p.s.TakenAt, change(moments[from-1], moments[from], holds)
	}
	if until < len(moments) {
		over := change(moments[until-1], moments[until], func(d time.Duration) bool { return !holds(d) })
		certain.TakenBefore = metav1.NewTime(p.s.TakenAt.Add(over))
	}
	f.CertainIf = certain
	return f, append(gaps, p.gap(facts.Clock, "the file does not say when it was taken: "+certain.String(), facts.HowToGet(facts.Clock)))
}

// span is the last stretch of moments at which a check finds the same thing; ok is false when it finds nothing.
func span(found []*checks.Finding) (from, until int, ok bool) {
	until = len(found)
	for until > 0 && found[until-1] == nil {
		until--
	}
	if until == 0 {
		return 0, 0, false
	}
	for from = until - 1; from > 0 && same(found[from-1], found[until-1]); {
		from--
	}
	return from, until, true
}

// same reports whether two findings of one check about one pod are about the same thing.
func same(a, b *checks.Finding) bool { return a != nil && b != nil && a.Container == b.Container }

// change is when something that is not so at low has become so by high, to the second.
func change(low, high time.Duration, is func(time.Duration) bool) time.Duration {
	for high-low > rounding {
		if middle := (low + (high-low)/2).Truncate(rounding); is(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// undated reports whether the snapshot is of a file that does not say when it was taken.
func (s *scene) undated() bool {
	return !s.TakenAt.IsZero() && slices.ContainsFunc(s.Gaps, func(g facts.Gap) bool { return g.Kind == facts.Clock && g.Scope != supposedScope })
}

// timeless reports whether no time changes what is said about a pod: it is where it will stay, and nothing
// in it was ever restarted. One that its Job has not let go of yet may be kept too long.
func (p subject) timeless() bool {
	return facts.PodSettled(p.Pod) && !p.tracked() && !slices.ContainsFunc(p.all(), func(c container) bool {
		return c.restarts() > 0 || c.status != nil && c.status.LastTerminationState.Terminated != nil
	})
}

// supposed is the pod as it is in the file, with the clock at a moment after the newest time.
func (p subject) supposed(after time.Duration) subject {
	snapshot, at := *p.s.Snapshot, *p.s
	snapshot.Newest, snapshot.TakenAt = p.s.TakenAt, metav1.NewTime(p.s.TakenAt.Add(after))
	snapshot.Gaps = p.s.supposedGaps()
	at.Snapshot = &snapshot
	p.s = &at
	return p
}

// supposedGaps are the gaps, with that of the clock marked.
func (s *scene) supposedGaps() []facts.Gap {
	if s.supposing == nil {
		s.supposing = slices.Clone(s.Gaps)
		for i := range s.supposing {
			if s.supposing[i].Kind == facts.Clock {
				s.supposing[i].Scope = supposedScope
			}
		}
	}
	return s.supposing
}
