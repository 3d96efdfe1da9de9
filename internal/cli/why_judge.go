package cli

import (
	"fmt"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// judge runs the checks on pods.
//
// What kubectl writes does not say when it was written. Then nothing is known of how long something
// lasts, but that it lasts at least until the newest time in the file. The gap of the clock says so:
// the checks find what takes long, and call nothing young.
func judge(s *facts.Snapshot) []checks.Result {
	if newest := s.NewestTime(); s.TakenAt.IsZero() && !newest.IsZero() {
		reason := fmt.Sprintf("the file does not say when it was taken: ages are counted up to the newest time in it, %s", newest.UTC().Format(time.RFC3339))
		s.TakenAt = newest
		s.Seen = append(s.Seen, facts.Clock)
		s.Gaps = append(s.Gaps, facts.Gap{Kind: facts.Clock, Scope: "file", Reason: reason, Remedy: facts.HowToGet(facts.Clock)})
		s.Limits = append(s.Limits, reason)
	}
	return checks.Run(s, checks.Pods(), nil)
}
