package cli

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// A sight is one look of a test: how long it takes, and what it comes to. cut is what it comes to when
// there is less time than that.
type sight struct {
	takes   time.Duration
	summary string
	err     error
}

// looks plays sights one after the other, the last one again and again, and notes how long each may take.
func looks(list []sight, allowed *[]time.Duration) look {
	return func(ctx context.Context, timeout time.Duration) (*report.Report, error) {
		*allowed = append(*allowed, timeout)
		s := list[0]
		if len(list) > 1 {
			list = list[1:]
		}
		bounded, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		select {
		case <-time.After(s.takes):
		case <-bounded.Done():
			return &report.Report{Summary: "cut short"}, nil
		}
		if s.err != nil {
			return nil, s.err
		}
		return &report.Report{Summary: s.summary}, nil
	}
}

func TestWait(t *testing.T) {
	const s = time.Second
	down := &collect.UnreachableError{Server: "https://a", Problem: "it refuses the connection"}
	for _, test := range []struct {
		name      string
		sights    []sight
		interrupt time.Duration
		want      string // the summary, or the error
		limits    []string
		takes     time.Duration
		allowed   []time.Duration
		stderr    string
	}{
		{name: "ready at once", sights: []sight{{s, "ready", nil}}, want: "ready", takes: s, allowed: []time.Duration{20 * s}},
		{name: "ready later", sights: []sight{{s, "bad", nil}, {2 * s, "worse", nil}, {s, "ready", nil}}, want: "ready",
			takes: 24 * s, allowed: []time.Duration{20 * s, 20 * s, 20 * s},
			stderr: "bad; looking again in 10s, for 59s at most\nworse; looking again in 10s, for 47s at most\n"},
		{name: "never ready", sights: []sight{{s, "bad", nil}}, want: "bad", takes: 56 * s,
			allowed: []time.Duration{20 * s, 20 * s, 20 * s, 20 * s, 16 * s, 5 * s},
			stderr: "bad; looking again in 10s, for 59s at most\nbad; looking again in 10s, for 48s at most\nbad; looking again in 10s, for 37s at most\n" +
				"bad; looking again in 10s, for 26s at most\nbad; looking again in 10s, for 15s at most\n"},
		{name: "a look that the limit cuts short is worth less than the one before", sights: []sight{{15 * s, "bad", nil}}, want: "bad",
			takes: 60 * s, allowed: []time.Duration{20 * s, 20 * s, 10 * s},
			stderr: "bad; looking again in 10s, for 45s at most\nbad; looking again in 10s, for 20s at most\n"},
		{name: "unreachable for a while", sights: []sight{{s, "bad", nil}, {s, "", down}, {s, "ready", nil}}, want: "ready",
			takes: 23 * s, allowed: []time.Duration{20 * s, 20 * s, 20 * s},
			stderr: "bad; looking again in 10s, for 59s at most\ncannot ask the API server at https://a: it refuses the connection; looking again in 10s, for 48s at most\n"},
		{name: "unreachable to the end", sights: []sight{{20 * s, "bad", nil}, {s, "", down}}, want: "cannot ask the API server at https://a: it refuses the connection",
			takes: 53 * s, allowed: []time.Duration{20 * s, 20 * s, 19 * s, 8 * s},
			stderr: "bad; looking again in 10s, for 40s at most\ncannot ask the API server at https://a: it refuses the connection; looking again in 10s, for 29s at most\n" +
				"cannot ask the API server at https://a: it refuses the connection; looking again in 10s, for 18s at most\n"},
		{name: "what waiting does not mend", sights: []sight{{s, "", errors.New("no such context")}}, want: "no such context", takes: s, allowed: []time.Duration{20 * s}},
		{name: "Ctrl-C while it pauses", sights: []sight{{s, "bad", nil}}, interrupt: 5 * s, want: "bad", limits: []string{"interrupted while waiting: this was the last look"},
			takes: 5 * s, allowed: []time.Duration{20 * s}, stderr: "bad; looking again in 10s, for 59s at most\n"},
		{name: "Ctrl-C in the second look", sights: []sight{{s, "bad", nil}, {9 * s, "good", nil}}, interrupt: 15 * s, want: "bad",
			limits: []string{"interrupted while waiting: this was the last look"},
			takes:  15 * s, allowed: []time.Duration{20 * s, 20 * s}, stderr: "bad; looking again in 10s, for 59s at most\n"},
		{name: "Ctrl-C in the first look", sights: []sight{{9 * s, "good", nil}}, interrupt: 5 * s, want: "cut short", takes: 5 * s, allowed: []time.Duration{20 * s}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.interrupt > 0 {
					time.AfterFunc(test.interrupt, cancel)
				}
				var stderr bytes.Buffer
				var allowed []time.Duration
				w := waiting{limit: time.Minute, interval: 10 * s}
				began := time.Now()
				r, err := w.until(ctx, &stderr, 20*s, looks(test.sights, &allowed), func(r *report.Report) bool { return r.Summary == "ready" })
				got, limits := "", []string(nil)
				if err != nil {
					got = err.Error()
				} else {
					got, limits = r.Summary, r.Limits
				}
				if diff := cmp.Diff([]any{test.want, test.limits, test.takes, test.allowed, test.stderr}, []any{got, limits, time.Since(began), allowed, stderr.String()}); diff != "" {
					t.Errorf("result, limits, time, allowed, stderr (-want +got):\n%s", diff)
				}
			})
		})
	}
}
