package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A file or a cluster may have more pods than can be judged within --timeout. So the first of them are judged before all
// are: what is known of them is the answer then, and the others are named as unknown. Each portion is so much larger than
// the last that all together cost little.
const (
	firstPortion  = 10
	portionGrowth = 10
)

// mostReserved is the most that is kept of --timeout to judge what was read of a cluster: a tenth, and no more.
const mostReserved = 10 * time.Second

// How pods are judged; tests put something slower in their place.
var (
	judgeFirst = pods.JudgeFirst
	nextChange = pods.NextChange
)

// readUntil is until when a cluster may be read, so that what was read can be judged by the end.
func readUntil(now, end time.Time) time.Time {
	return end.Add(-min(end.Sub(now)/10, mostReserved))
}

// untilEnd is the context of judging what was read of a cluster: an interruption while it was read is no reason not to say
// what is known by then.
func untilEnd(ctx context.Context, end time.Time) (context.Context, context.CancelFunc) {
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	return context.WithDeadline(ctx, end)
}

// judgeInTime judges what was read, and reports whether there was time for all of it.
func judgeInTime(ctx context.Context, s *facts.Snapshot, asked []checks.Object, none []collect.Podless) (known *answer, all bool) {
	known, all = judgePortions(ctx, s, asked)
	if all && known.admit(none) {
		return judgePortions(ctx, s, asked)
	}
	return known, all
}

func judgePortions(ctx context.Context, s *facts.Snapshot, asked []checks.Object) (known *answer, all bool) {
	nothing := unjudged(s, 0)
	known = &answer{nothing, asked, pods.JudgeFirst(&facts.Snapshot{TakenAt: s.TakenAt, Newest: s.Newest, Seen: s.Seen, Gaps: nothing.Gaps}, nil, 0)}
	for n := firstPortion; ; n *= portionGrowth {
		portion := &answer{snapshot: s, asked: asked}
		if n < len(s.Pods) {
			portion.snapshot = unjudged(s, n)
		}
		judged, err := within(ctx, "judging what was read", func() (pods.Judgment, error) { return judgeFirst(portion.snapshot, asked, n), nil })
		if err != nil {
			return known, false
		}
		portion.judged = judged
		if n >= len(s.Pods) {
			return portion, true
		}
		known = portion
	}
}

// unjudged is the snapshot with the gap of all but its first n pods.
func unjudged(s *facts.Snapshot, n int) *facts.Snapshot {
	const most = 3
	var names []string
	for _, p := range s.Pods[min(n, len(s.Pods)):min(n+most, len(s.Pods))] {
		names = append(names, p.Namespace+"/"+p.Name)
	}
	if more := len(s.Pods) - n - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	out := *s
	out.Gaps = append(slices.Clone(s.Gaps), facts.NewGap(facts.Pods, facts.Instance{}, fmt.Sprintf("the run was over before %s of %d were judged: %s",
		prose.Counted(len(s.Pods)-n, "pod"), len(s.Pods), strings.Join(names, ", ")), facts.Do("give it more time: --timeout 10m")))
	out.Limits = slices.Clone(s.Limits)
	return &out
}
