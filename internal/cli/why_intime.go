package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A file may have more pods than can be judged within --timeout. So the first of them are judged before all are: what is
// known of them is the answer then, and the others are named as unknown. Each portion is so much larger than the last
// that all together cost little.
const (
	firstPortion  = 100
	portionGrowth = 8
)

// judgeInTime judges what was read of files.
func judgeInTime(ctx context.Context, s *facts.Snapshot, asked []checks.Object, none []collect.Podless) (*answer, error) {
	var known *answer
	judge := func(n int) (*answer, error) {
		return within(ctx, "judging what was read", func() (*answer, error) {
			a := &answer{s, asked, pods.Judgment{}}
			if n < len(s.Pods) {
				a.snapshot = unjudged(s, n)
				a.judged = pods.JudgeFirst(a.snapshot, asked, n)
				return a, nil
			}
			a.judged = pods.Judge(s, asked)
			a.admit(none)
			return a, nil
		})
	}
	for n := firstPortion; ; n *= portionGrowth {
		a, err := judge(n)
		switch {
		case err != nil && known != nil:
			return known, nil
		case err != nil || n >= len(s.Pods):
			return a, err
		}
		known = a
	}
}

// unjudged is the snapshot with the gap of all but its first n pods.
func unjudged(s *facts.Snapshot, n int) *facts.Snapshot {
	const most = 3
	var names []string
	for _, p := range s.Pods[n:min(n+most, len(s.Pods))] {
		names = append(names, p.Namespace+"/"+p.Name)
	}
	if more := len(s.Pods) - n - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	out := *s
	out.Gaps = append(slices.Clone(s.Gaps), facts.NewGap(facts.Pods, facts.Instance{}, fmt.Sprintf("the time for the run was over before %s of %d were judged: %s",
		prose.Counted(len(s.Pods)-n, "pod"), len(s.Pods), strings.Join(names, ", ")), facts.Do("give it more time: --timeout 10m")))
	out.Limits = slices.Clone(s.Limits)
	return &out
}
