package cli

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestClock: whose clock a file has, and what the report says of it.
func TestClock(t *testing.T) {
	const newest = "2026-03-01T12:00:00Z"
	at := func(text string) time.Time {
		t.Helper()
		out, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	pipe, file := []string{"-"}, []string{"pods.yaml"}
	for _, test := range []struct {
		name    string
		files   []string
		takenAt string
		now     string
		want    string
		exact   bool
		says    string // a part of the limit, or of the error
	}{
		{"a file", file, "", "2026-03-01T12:01:00Z", newest, false, "newest time in it"},
		{"a young pipe", pipe, "", "2026-03-01T12:09:59Z", "2026-03-01T12:09:59Z", true, "counts as taken now, 2026-03-01T12:09:59Z"},
		{"an old pipe", pipe, "", "2026-03-01T12:10:00Z", newest, false, "newest time in it"},
		{"a pipe by a clock that is a little ahead", pipe, "", "2026-03-01T11:58:30Z", "2026-03-01T11:58:30Z", true, "taken now"},
		{"a pipe by a clock that is far ahead", pipe, "", "2026-03-01T11:50:00Z", newest, false, "newest time in it"},
		{"a pipe and a file", []string{"-", "events.yaml"}, "", "2026-03-01T12:01:00Z", newest, false, "newest time in it"},
		{"the user knows", file, "2026-03-01T13:00:00+01:00", "2026-03-02T12:00:00Z", newest, true, "as --taken-at says"},
		{"the user knows of a pipe", pipe, "2026-03-01T12:05:00Z", "2026-03-01T12:06:00Z", "2026-03-01T12:05:00Z", true, "as --taken-at says"},
		{"now", file, "now", "2026-03-02T12:00:00Z", "2026-03-02T12:00:00Z", true, "as --taken-at says"},
		{"clocks differ", file, "2026-03-01T11:58:00Z", "2026-03-02T12:00:00Z", "2026-03-01T11:58:00Z", true, "as --taken-at says"},
		{"before the newest time", file, "2026-03-01T11:57:59Z", "2026-03-02T12:00:00Z", "", false, "has times up to " + newest},
		{"in the future", file, "2026-03-03T12:00:00Z", "2026-03-02T12:00:00Z", "", false, "future"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := &whyOptions{files: test.files, takenAt: test.takenAt, now: func() time.Time { return at(test.now) }}
			s, err := facts.Read(strings.NewReader(`{kind: Node, apiVersion: v1, metadata: {name: a, creationTimestamp: "`+newest+`"}}`), "file")
			if err != nil {
				t.Fatal(err)
			}
			err = o.clock(s)
			if test.want == "" {
				var f *failure
				if !errors.As(err, &f) || f.code != exitUsage || !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %v, want one of the command line that says %q", err, test.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := s.TakenAt.UTC().Format(time.RFC3339); got != test.want {
				t.Errorf("taken at %s, want %s", got, test.want)
			}
			if exact := s.Has(facts.Clock) && len(s.GapsOf(facts.Clock, "*")) == 0; exact != test.exact {
				t.Errorf("exact: %t", exact)
			}
			if limits := strings.Join(s.Limits, "\n"); !strings.Contains(limits, test.says) || len(s.Limits) != 1 {
				t.Errorf("limits %q, want one that says %q", limits, test.says)
			}
		})
	}
}

// TestClockAhead: one time that lies in the future alone does not count, and the report says so; where there are more,
// it may be our clock that is wrong.
func TestClockAhead(t *testing.T) {
	const now, past, ahead = "2026-03-01T12:01:00Z", "2026-03-01T12:00:00Z", "2031-01-01T00:00:00Z"
	node := func(created, beat string) string {
		return `{kind: Node, apiVersion: v1, metadata: {name: a, creationTimestamp: "` + created + `"}, status: {conditions: [{type: Ready, status: "True", lastHeartbeatTime: "` + beat + `"}]}}`
	}
	pod := func(started string) string {
		return `{kind: Pod, apiVersion: v1, metadata: {name: p, namespace: shop}, status: {containerStatuses: [{name: a, state: {running: {startedAt: "` + started + `"}}}]}}`
	}
	for name, test := range map[string]struct {
		file, takenAt, want string
		limits              int
	}{
		"one":                    {file: node(past, ahead), want: past, limits: 2},
		"one of a pod":           {file: node(past, past) + "\n---\n" + pod(ahead), want: past, limits: 2},
		"one, twice":             {file: node(past, ahead) + "\n---\n" + pod(ahead), want: past, limits: 2},
		"two":                    {file: node(past, ahead) + "\n---\n" + pod("2030-01-01T00:00:00Z"), want: ahead, limits: 1},
		"nothing else":           {file: node(ahead, ahead), want: ahead, limits: 1},
		"clocks differ a little": {file: node(past, "2026-03-01T12:03:00Z"), want: "2026-03-01T12:03:00Z", limits: 1},
		"the user knows":         {file: node(past, ahead), takenAt: past, want: past, limits: 2},
	} {
		t.Run(name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, now)
			if err != nil {
				t.Fatal(err)
			}
			o := &whyOptions{files: []string{"pods.yaml"}, takenAt: test.takenAt, now: func() time.Time { return at }}
			s, err := facts.Read(strings.NewReader(test.file), "file")
			if err != nil {
				t.Fatal(err)
			}
			if err := o.clock(s); err != nil {
				t.Fatal(err)
			}
			if got := s.TakenAt.UTC().Format(time.RFC3339); got != test.want || len(s.Limits) != test.limits {
				t.Errorf("taken at %s, limits %q; want %s and %d", got, s.Limits, test.want, test.limits)
			}
			if test.limits == 2 && !strings.Contains(s.Limits[0], ahead+", the newest time in the file, lies in the future: it was left out") {
				t.Errorf("limits %q", s.Limits)
			}
		})
	}
}
