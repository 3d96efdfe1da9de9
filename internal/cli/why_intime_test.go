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
	whole, err := judgeInTime(t.Context(), s, nil, nil)
	if err != nil || len(whole.snapshot.GapsOf(facts.Pods, "")) != 0 {
		t.Fatalf("with enough time: %v", err)
	}
	for left, judged := range map[int]int{1: firstPortion, 2: firstPortion * portionGrowth} {
		a, err := judgeInTime(&lateContext{t.Context(), left}, s, nil, nil)
		if err != nil {
			t.Fatalf("after %d portions: %v", left, err)
		}
		r := report.Why(a.snapshot, a.judged, nil, "")
		i := slices.IndexFunc(r.Checks, func(c report.Entry) bool { return c.ID == "startup-probe-failing" })
		if want := fmt.Sprintf("%d pods", judged); r.Checks[i].Tried != want {
			t.Errorf("after %d portions: tried %s, want %s", left, r.Checks[i].Tried, want)
		}
		if r.Verdict == report.Ready || len(r.Diagnoses)+len(r.InProgress) == 0 {
			t.Errorf("after %d portions: %s, %d diagnoses", left, r.Verdict, len(r.Diagnoses))
		}
		gaps := a.snapshot.GapsOf(facts.Pods, "")
		if want := fmt.Sprintf("before %d pods of %d were judged: ", len(s.Pods)-judged, len(s.Pods)); len(gaps) != 1 ||
			!strings.Contains(gaps[0].Reason, want+s.Pods[judged].Namespace+"/"+s.Pods[judged].Name+", ") {
			t.Errorf("after %d portions: %+v", left, gaps)
		}
	}
	if _, err := judgeInTime(&lateContext{t.Context(), 0}, s, nil, nil); err == nil || !strings.Contains(err.Error(), "while judging") {
		t.Errorf("without any time: %v", err)
	}
}
