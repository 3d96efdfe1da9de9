package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// defaultWaitInterval is rare enough that a wait costs an API server nothing, and often enough that
// nobody waits for the wait: what is waited for are nodes and webhooks that restart.
const defaultWaitInterval = 10 * time.Second

// waiting is --wait: look again until the report is good or the time is up.
type waiting struct {
	limit, interval time.Duration
	// failOn is the lowest severity that is waited for.
	failOn checks.Severity
}

func (w *waiting) addFlags(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&w.limit, "wait", 0, "Look again until the exit code would be 0, for so `long` at most; 0 looks once")
	cmd.Flags().DurationVar(&w.interval, "wait-interval", defaultWaitInterval, "With --wait: how `long` to pause between two looks")
}

func (w *waiting) check(cmd *cobra.Command) error {
	switch {
	case cmd.Flags().Changed("wait") && w.limit <= 0:
		return usage("for example --wait 5m", "--wait: %v is not a positive duration", w.limit)
	case w.interval <= 0:
		return usage("for example --wait-interval 30s", "--wait-interval: %v is not a positive duration", w.interval)
	case w.limit == 0 && cmd.Flags().Changed("wait-interval"):
		return usage("say how long to wait at most: --wait 5m", "--wait-interval without --wait has no effect")
	}
	return nil
}

// A look makes a report within timeout.
type look func(ctx context.Context, timeout time.Duration) (*report.Report, error)

// until looks until good says so or the time is up, and returns the last report. The first look has all
// of timeout; of the later ones none goes on beyond the limit, and one that the limit cut short does not
// replace the one before it. An API server that cannot be reached is one more reason to wait. After
// Ctrl-C the last known report is returned, with a note.
func (w *waiting) until(ctx context.Context, stderr io.Writer, timeout time.Duration, once look, good func(*report.Report) bool) (*report.Report, error) {
	end := time.Now().Add(w.limit)
	var last, told *report.Report
	for {
		r, err := once(ctx, timeout)
		switch {
		case ctx.Err() != nil:
			return interrupted(last, r, err)
		case err != nil && !unreachable(err):
			return nil, err
		case err == nil && good(r):
			return r, nil
		case err == nil && (last == nil || time.Now().Before(end)):
			last = r
		}
		left := time.Until(end)
		if left <= w.interval {
			return last, err
		}
		if err == nil {
			if err := w.tell(stderr, told, r); err != nil {
				return nil, err
			}
			told = r
		}
		fmt.Fprintf(stderr, "%s; looking again in %v, for %v at most\n", print.Escape(said(r, err)), w.interval, left.Round(time.Second))
		if !sleep(ctx, w.interval) {
			return interrupted(last, nil, &failure{err: errors.New("interrupted before anything was read"), code: exitInterrupted})
		}
		if timeout = min(timeout, time.Until(end)); timeout <= 0 { // the machine slept as well
			return last, err
		}
	}
}

// tell says what the wait goes on for, or, after the first look, what has changed since the one before.
func (w *waiting) tell(stderr io.Writer, before, now *report.Report) error {
	return print.Awaited(stderr, time.Now(), report.AwaitedSince(before, now, w.failOn), printOptions(stderr, colorAuto))
}

// sleep reports whether the time passed before ctx was over.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// said is what one look came to.
func said(r *report.Report, err error) string {
	if err != nil {
		return err.Error()
	}
	return r.Summary
}

func unreachable(err error) bool {
	var u *collect.UnreachableError
	return errors.As(err, &u)
}

// interrupted is what a wait comes to that Ctrl-C ended: the last report, which is the last one for another
// reason than that all is well; without one, what the look at that moment came to.
func interrupted(last, r *report.Report, err error) (*report.Report, error) {
	if last == nil {
		return r, err
	}
	out := *last
	out.Limits = append(out.Limits[:len(out.Limits):len(out.Limits)], "interrupted while waiting: this was the last look")
	return &out, nil
}
