package collect

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// What one answer tells of the API server's clock: nothing where it may agree with this machine's.
func TestServerClock(t *testing.T) {
	const at = "Fri, 02 Jan 2026 03:04:05 GMT"
	date, err := http.ParseTime(at)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		date           string
		sent, received time.Duration // after the date
		want           time.Duration
	}{
		"agrees":                    {at, 0, time.Second, 0},
		"nearly agrees":             {at, -6 * time.Second, -5 * time.Second, 0},
		"a slow answer":             {at, -20 * time.Second, time.Second, 0},
		"an hour ahead":             {at, -time.Hour, -time.Hour + time.Second, time.Hour},
		"seven hours behind":        {at, 7*time.Hour + time.Second, 7*time.Hour + 2*time.Second, -7*time.Hour - time.Second},
		"ahead, and a slow answer":  {at, -time.Hour - 20*time.Second, -time.Hour, time.Hour + 10*time.Second + 500*time.Millisecond},
		"no date":                   {"", -time.Hour, -time.Hour, 0},
		"something else for a date": {"tomorrow", -time.Hour, -time.Hour, 0},
	} {
		clock := &serverClock{}
		clock.see(c.date, date.Add(c.sent), date.Add(c.received))
		if got := clock.ahead(); (got - c.want).Abs() > time.Second {
			t.Errorf("%s: ahead by %v, want %v", name, got, c.want)
		}
	}
	clock := &serverClock{}
	clock.see(at, date.Add(-time.Hour-20*time.Second), date.Add(-time.Hour))
	clock.see(at, date.Add(-time.Hour), date.Add(-time.Hour+time.Second))
	clock.see(at, date.Add(-2*time.Hour), date.Add(time.Hour))
	if got := clock.ahead(); (got - time.Hour).Abs() > time.Second {
		t.Errorf("of three answers the quickest tells most: %v", got)
	}
}

// The snapshot is taken at the API server's time, and says so where that is not this machine's. What
// is behind the API server has a clock of its own.
func TestServerTime(t *testing.T) {
	for name, c := range map[string]struct {
		api, kubelet time.Duration
		note         string
	}{
		"the same":       {0, 0, ""},
		"API server":     {7 * time.Hour, 0, "this machine's clock is 7h behind the API server's: every time and age is by the API server's"},
		"behind":         {-90 * time.Minute, 0, "this machine's clock is 90m ahead of the API server's: every time and age is by the API server's"},
		"20 s":           {20 * time.Second, 0, ""},
		"kubelet's only": {0, 7 * time.Hour, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeAPI(t)
			f.nodes = append(f.nodes, readyNode("a", "v1.30.1"))
			serve := f.Config.Handler
			f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				by := c.api
				if strings.Contains(r.URL.Path, "/proxy/") {
					by = c.kubelet
				}
				w.Header().Set("Date", time.Now().Add(by).UTC().Format(http.TimeFormat))
				serve.ServeHTTP(w, r)
			})
			o := f.options(facts.APIServers, facts.Nodes, facts.Kubelets)
			s := collectFrom(t, o)
			if got := s.TakenAt.Sub(o.Now()); (got - c.api).Abs() > 2*time.Second {
				t.Errorf("taken %v after this machine's time, want %v", got, c.api)
			}
			if got := strings.Join(s.Limits, "\n"); got != c.note {
				t.Errorf("limits %q, want %q", got, c.note)
			}
			if !slices.Contains(s.Seen, facts.Kubelets) {
				t.Errorf("seen: %v", s.Seen)
			}
		})
	}
}
