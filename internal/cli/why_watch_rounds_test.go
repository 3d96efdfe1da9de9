package cli

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestWhyWatchRounds: a judgment that does not come to an end keeps a watch neither from ending in time nor from being
// interrupted; then it says what it knows.
func TestWhyWatchRounds(t *testing.T) {
	never, real := make(chan struct{}), judgeFirst
	judgeFirst = func(*facts.Snapshot, []checks.Object, int) pods.Judgment {
		<-never
		return pods.Judgment{}
	}
	t.Cleanup(func() {
		close(never)
		judgeFirst = real
	})
	for _, test := range []struct {
		name      string
		interrupt bool
		exit      int
		told      string
	}{
		{"time is up", false, 4, "limited: stopped watching after 2s: allow more with --timeout"},
		{"interrupted", true, exitInterrupted, "limited: interrupted while watching: this is what was known by then"},
	} {
		t.Run(test.name, func(t *testing.T) {
			timeout := "2s"
			if test.interrupt {
				if runtime.GOOS == "windows" {
					t.Skip("a process cannot interrupt itself there")
				}
				timeout = "10m"
				time.AfterFunc(time.Second, func() {
					if self, err := os.FindProcess(os.Getpid()); err == nil {
						_ = self.Signal(os.Interrupt)
					}
				})
			}
			begun := time.Now()
			out, exit := runWatch(t, &watchServer{now: waitingPod}, "--timeout", timeout)
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("took %v", took)
			}
			for _, want := range []string{"before 1 pod of 1 were judged: shop/web", test.told} {
				if !strings.Contains(out, want) {
					t.Errorf("no %q:\n%s", want, out)
				}
			}
			if exit != test.exit {
				t.Errorf("exit %d, want %d:\n%s", exit, test.exit, out)
			}
		})
	}
}

// TestRound: each judgment has a deadline, also the last one after an interruption, which has a moment of its own.
func TestRound(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for what, test := range map[string]struct {
		ctx  context.Context
		most time.Duration
	}{
		"watching": {t.Context(), roundTime}, "interrupted": {interrupted, mostReserved},
	} {
		bounded, stop := round(test.ctx)
		until, has := bounded.Deadline()
		if left := time.Until(until); !has || left <= 0 || left > test.most || bounded.Err() != nil {
			t.Errorf("%s: a deadline in %v: %t, %v", what, left, has, bounded.Err())
		}
		stop()
	}
}
