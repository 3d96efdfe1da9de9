package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// lateContext is over after it has been asked so many times whether it is.
type lateContext struct {
	context.Context
	left int
}

func (c *lateContext) Err() error {
	if c.left--; c.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// TestJudgedInTime: when the time is over while pods are judged, what is known of the first is the answer, and the
// others are unknown, by name.
func TestJudgedInTime(t *testing.T) {
	s := recorded(t, "08-startup-probe-port")
	s.TakenAt.Time, s.Gaps = s.TakenAt.Add(time.Hour), nil
	one := s.Pods[0]
	for i := range 1000 {
		p := one.DeepCopy()
		p.Name, p.OwnerReferences = fmt.Sprintf("%s-%d", one.Name, i), nil
		s.Pods = append(s.Pods, *p)
	}
	if whole, all := judgeInTime(t.Context(), s, nil, nil); !all || len(whole.snapshot.GapsOf(facts.Pods, "")) != 0 {
		t.Fatalf("with enough time: %+v", whole.snapshot.Gaps)
	}
	for left, judged := range map[int]int{0: 0, 1: firstPortion, 2: firstPortion * portionGrowth} {
		a, all := judgeInTime(&lateContext{t.Context(), left}, s, nil, nil)
		if all {
			t.Errorf("after %d portions: all judged", left)
		}
		r := report.Why(a.snapshot, a.judged, nil, "")
		i := slices.IndexFunc(r.Checks, func(c report.Entry) bool { return c.ID == "startup-probe-failing" })
		if want := fmt.Sprintf("%d pods", judged); r.Checks[i].Tried != want {
			t.Errorf("after %d portions: tried %s, want %s", left, r.Checks[i].Tried, want)
		}
		if r.Verdict != report.Unknown && r.Verdict != report.NotReady || (len(r.Diagnoses)+len(r.InProgress) == 0) != (judged == 0) {
			t.Errorf("after %d portions: %s, %d diagnoses", left, r.Verdict, len(r.Diagnoses))
		}
		gaps := a.snapshot.GapsOf(facts.Pods, "")
		if want := fmt.Sprintf("before %d pods of %d were judged: ", len(s.Pods)-judged, len(s.Pods)); len(gaps) != 1 ||
			!strings.Contains(gaps[0].Reason, want+s.Pods[judged].Namespace+"/"+s.Pods[judged].Name+", ") {
			t.Errorf("after %d portions: %+v", left, gaps)
		}
	}
}

// TestClusterJudgedInTime: what was read of a cluster is judged within --timeout, of which a part is kept for that.
func TestClusterJudgedInTime(t *testing.T) {
	now := time.Now()
	for timeout, want := range map[time.Duration]time.Duration{time.Second: 900 * time.Millisecond, time.Minute: 54 * time.Second, time.Hour: time.Hour - mostReserved} {
		if got := readUntil(now, now.Add(timeout)).Sub(now); got != want {
			t.Errorf("--timeout %v: read for %v, want %v", timeout, got, want)
		}
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for what, ctx := range map[string]context.Context{"in time": t.Context(), "interrupted while reading": interrupted} {
		bounded, stop := untilEnd(ctx, time.Now().Add(time.Minute))
		if bounded.Err() != nil {
			t.Errorf("%s: what was read is not judged", what)
		}
		stop()
	}
	late, stop := untilEnd(t.Context(), now)
	defer stop()
	if late.Err() == nil {
		t.Error("goes on judging after the end")
	}
}
