package collect

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// clocked is an API server without a network, so that a test's clock can stand in for time. It notes
// when which request came, and is busy with those that busy says, for a time.
type clocked struct {
	t     *testing.T
	began time.Time
	nodes []corev1.Node
	busy  func(path string, nth int) (after string, yes bool)

	mu    sync.Mutex
	count map[string]int
	at    []time.Duration
	paths []string
}

func (c *clocked) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.at, c.paths = append(c.at, time.Since(c.began)), append(c.paths, r.URL.Path)
	c.count[r.URL.Path]++
	nth := c.count[r.URL.Path]
	c.mu.Unlock()
	rec := &writtenAnswer{header: http.Header{}, code: 200}
	if after, yes := c.busy(r.URL.Path, nth); yes {
		rec.header.Set("Retry-After", after)
		rec.code = http.StatusTooManyRequests
	} else {
		api := &fakeAPI{nodes: c.nodes, handlers: map[string]http.HandlerFunc{}, denied: map[string]string{}}
		for _, n := range c.nodes {
			api.handlers["GET /api/v1/nodes/"+n.Name+"/proxy/metrics"] = paging(apiServerPage("v1.30.1", "1", `kubernetes_feature_enabled{name="SidecarContainers",stage="BETA"} 1`))
		}
		api.ServeHTTP(rec, r)
	}
	return &http.Response{StatusCode: rec.code, Header: rec.header, Body: io.NopCloser(strings.NewReader(rec.body.String())), Request: r}, nil
}

type writtenAnswer struct {
	header http.Header
	code   int
	body   strings.Builder
}

func (r *writtenAnswer) Header() http.Header         { return r.header }
func (r *writtenAnswer) WriteHeader(code int)        { r.code = code }
func (r *writtenAnswer) Write(p []byte) (int, error) { return r.body.Write(p) }

// paced runs against a clocked API server with n nodes that have to be asked.
func paced(t *testing.T, n int, change func(*Options), busy func(path string, nth int) (string, bool)) (*clocked, *facts.Snapshot) {
	server := &clocked{t: t, began: time.Now(), busy: busy, count: map[string]int{}}
	for i := range n {
		server.nodes = append(server.nodes, readyNode(fmt.Sprintf("n-%02d", i), "v1.30.1"))
	}
	o := Options{Config: &rest.Config{Host: "http://api", Transport: server}, Kinds: []facts.Kind{facts.Kubelets}, Tool: "test"}
	change(&o)
	return server, collectFrom(t, o)
}

func never(string, int) (string, bool) { return "", false }

// TestQPS: no two requests are closer than --qps says, and none fails for having waited, though each
// may take only a fraction of the time that the last one waits.
func TestQPS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, s := paced(t, 60, func(o *Options) { o.QPS = 4; o.RequestTimeout = time.Second }, never)
		if len(s.Kubelets) != 60 || len(s.Gaps) != 0 {
			t.Errorf("%d readings of 60, gaps %v", len(s.Kubelets), s.Gaps)
		}
		for i, at := range server.at {
			if earliest := time.Duration(i) * 250 * time.Millisecond; at < earliest-time.Microsecond {
				t.Errorf("request %d (%s) came after %v, not before %v", i, server.paths[i], at, earliest)
			}
		}
	})
}

// TestQPSWithoutTime: what does not get its turn in time is unknown, and says so.
func TestQPSWithoutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, s := paced(t, 60, func(o *Options) { o.QPS = 2; o.Timeout = 10 * time.Second }, never)
		if len(server.at) > 21 || len(s.Kubelets) == 0 || len(s.Kubelets)+len(s.Gaps) != 60 {
			t.Fatalf("%d requests, %d readings, %d gaps", len(server.at), len(s.Kubelets), len(s.Gaps))
		}
		want := facts.Gap{Kind: facts.Kubelets, Scope: "node/n-59", Instance: facts.NodeInstance("n-59"), Reason: "the time for the run was over before this was read", Remedy: "give the run more time: --timeout 5m"}
		if diff := cmp.Diff(want, s.Gaps[len(s.Gaps)-1]); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// TestBusyAPIServer: what it refuses once is asked again, nothing at all is sent before the time that
// it asks for is over, and that time is not the request's.
func TestBusyAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, s := paced(t, 3, func(o *Options) { o.RequestTimeout = 2 * time.Second }, func(path string, nth int) (string, bool) {
			return "7", path == "/version" && nth == 1
		})
		if len(s.Kubelets) != 3 || len(s.Gaps) != 0 {
			t.Errorf("%d readings of 3, gaps %v", len(s.Kubelets), s.Gaps)
		}
		if server.count["/version"] != 2 || server.at[0] != 0 {
			t.Errorf("%d times /version, first after %v", server.count["/version"], server.at[0])
		}
		for i, at := range server.at[1:] {
			if at < 7*time.Second {
				t.Errorf("%s after %v, though 7 s were asked for", server.paths[i+1], at)
			}
		}
	})
}

// TestBusyKubelet: of nodes/proxy only the one that is busy is left alone for a while, for however
// long it asks.
func TestBusyKubelet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const busy = "/api/v1/nodes/n-01/proxy/metrics"
		server, s := paced(t, 3, func(o *Options) { o.RequestTimeout = time.Second }, func(path string, nth int) (string, bool) {
			return "30", path == busy && nth == 1
		})
		if len(s.Kubelets) != 3 || len(s.Gaps) != 0 {
			t.Errorf("%d readings of 3, gaps %v", len(s.Kubelets), s.Gaps)
		}
		for i, at := range server.at {
			want := time.Duration(0)
			if i == len(server.at)-1 {
				want = 30 * time.Second
			}
			if at != want || want > 0 && server.paths[i] != busy {
				t.Errorf("%s after %v, want %v", server.paths[i], at, want)
			}
		}
	})
}

// TestRetryAfter: seconds or a date; what is neither is a second.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for header, want := range map[string]time.Duration{
			"0": 0, "3": 3 * time.Second, "120": 2 * time.Minute, "": time.Second, "-1": time.Second, "soon": time.Second,
			time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat):  90 * time.Second,
			time.Now().Add(-90 * time.Second).UTC().Format(http.TimeFormat): 0,
		} {
			if got := retryAfter(http.Header{"Retry-After": {header}}); got != want {
				t.Errorf("Retry-After %q: %v, want %v", header, got, want)
			}
		}
	})
}
