package cli

import (
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// judge runs the checks on pods.
//
// What kubectl writes does not say when it was written. Then nothing is known of how long something
// lasts, but that it lasts at least until the newest time in the file: that is enough to find what
// takes long, and never enough to call it young. So both are asked, without a clock and with that
// one, and of the two answers the one that says more is taken; what cannot be told without a clock
// stays unknown.
func judge(s *facts.Snapshot) []checks.Result {
	newest := s.NewestTime()
	if !s.TakenAt.IsZero() || newest.IsZero() {
		return checks.Run(s, checks.Pods(), nil)
	}
	without := checks.Run(s, checks.Pods(), nil)
	s.TakenAt = newest
	s.Seen = append(s.Seen, facts.Clock)
	reason := fmt.Sprintf("the file does not say when it was taken: ages are counted up to the newest time in it, %s", newest.UTC().Format(time.RFC3339))
	s.Gaps = append(s.Gaps, facts.Gap{Kind: facts.Clock, Scope: "file", Reason: reason, Remedy: facts.HowToGet(facts.Clock)})
	s.Limits = append(s.Limits, reason)
	with := checks.Run(s, checks.Pods(), nil)
	for i := range with {
		if says(with[i]) < says(without[i]) {
			with[i] = without[i]
		}
	}
	return with
}

// says ranks the answers of a check.
func says(r checks.Result) int {
	return slices.Index([]checks.Status{checks.Pass, checks.Unknown, checks.Fail}, r.Status())
}
