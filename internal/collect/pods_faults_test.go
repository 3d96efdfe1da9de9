package collect

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// objects are what the fake API server of these tests has, by path.
var objects = map[string]string{
	"/api/v1/namespaces/shop/pods/web-c5c688f8b-6h4cn": `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-c5c688f8b-6h4cn","namespace":"shop","uid":"p",
		"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-c5c688f8b","uid":"r","controller":true}]},"spec":{"nodeName":"worker-1"}}`,
	"/api/v1/namespaces/shop/events":                          `{"apiVersion":"v1","kind":"EventList","items":[]}`,
	"/api/v1/nodes/worker-1":                                  `{"apiVersion":"v1","kind":"Node","metadata":{"name":"worker-1"}}`,
	"/apis/apps/v1/namespaces/shop/replicasets/web-c5c688f8b": `{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"web-c5c688f8b","namespace":"shop","uid":"r","ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"web","uid":"d","controller":true}]}}`,
	"/apis/apps/v1/namespaces/shop/deployments/web":           `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"d"}}`,
}

// serve answers from objects, except that broken paths get fault.
func serve(t *testing.T, broken string, fault http.HandlerFunc) *rest.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := objects[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		switch {
		case broken != "" && strings.Contains(r.URL.Path, broken):
			fault(w, r)
		case ok:
			fmt.Fprint(w, body)
		default:
			status(w, 404, "NotFound", "no")
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return &rest.Config{Host: server.URL}
}

func readWeb(ctx context.Context, t *testing.T, config *rest.Config) (*facts.Snapshot, error) {
	t.Helper()
	names, err := ParseNames([]string{"web-c5c688f8b-6h4cn"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewPodReader(Options{Config: config, RequestTimeout: time.Second}, PodQuery{Namespace: "shop", Names: names})
	if err != nil {
		t.Fatal(err)
	}
	return r.Read(ctx)
}

// TestPodReaderFaults breaks each request but the first: the pod is read all the same, and what is
// missing is a gap of its kind that says what would close it.
func TestPodReaderFaults(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"forbidden": refusing(403, "Forbidden", "no"),
		"broken":    refusing(500, "InternalError", "no"),
		"gone":      gone("nodes", "worker-1"),
		"unserved":  refusing(404, "NotFound", "no"),
		"hangs":     hang(),
		"garbage":   plain(200, "{"),
	} {
		for broken, kind := range map[string]facts.Kind{
			"/events": facts.Events, "/nodes/": facts.Nodes, "/replicasets/": facts.ReplicaSets, "/deployments/": facts.Deployments,
		} {
			t.Run(name+broken, func(t *testing.T) {
				s, err := readWeb(t.Context(), t, serve(t, broken, fault))
				if err != nil {
					t.Fatal(err)
				}
				if name == "gone" && kind == facts.Nodes { // that is an answer
					if len(s.Pods) != 1 || len(s.Gaps) != 0 || len(s.GoneNodes) != 1 {
						t.Errorf("%d pods, gaps %+v, gone nodes %q; want one pod, one gone node and no gap", len(s.Pods), s.Gaps, s.GoneNodes)
					}
					return
				}
				if len(s.Pods) != 1 || len(s.Gaps) != 1 {
					t.Fatalf("%d pods, gaps %+v; want one of each", len(s.Pods), s.Gaps)
				}
				if g := s.Gaps[0]; g.Kind != kind || g.Reason == "" || g.Remedy == "" {
					t.Errorf("%+v, want a gap of %s", g, kind)
				}
			})
		}
	}
}

func TestPodReaderWhole(t *testing.T) {
	s, err := readWeb(t.Context(), t, serve(t, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	got := []int{len(s.Pods), len(s.ReplicaSets), len(s.Deployments), len(s.Nodes), len(s.Gaps)}
	if diff := cmp.Diff([]int{1, 1, 1, 1, 0}, got); diff != "" {
		t.Errorf("pods, ReplicaSets, Deployments, nodes, gaps (-want +got):\n%s", diff)
	}
}

// TestPodReaderFirst breaks the first request.
func TestPodReaderFirst(t *testing.T) {
	const pod = "/pods/"
	s, err := readWeb(t.Context(), t, serve(t, pod, refusing(403, "Forbidden", "no")))
	if err != nil || len(s.Pods) != 0 || len(s.GapsOf(facts.Pods, "")) != 1 {
		t.Errorf("forbidden: %v, %+v", err, s)
	}
	for name, fault := range map[string]http.HandlerFunc{"broken": refusing(500, "InternalError", "no"), "hangs": hang(), "unauthorized": refusing(401, "Unauthorized", "no")} {
		if s, err := readWeb(t.Context(), t, serve(t, pod, fault)); err == nil {
			t.Errorf("%s: no error, but %+v", name, s)
		}
	}
}

// TestPodReaderInterrupted cancels while the events hang: what was read by then is there.
func TestPodReaderInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := readWeb(ctx, t, serve(t, "/events", func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	if err != nil || len(s.Pods) != 1 || len(s.GapsOf(facts.Events, "")) != 1 {
		t.Fatalf("%v, %+v; want the pod, and a gap of its events", err, s)
	}
}

// TestPodReaderRedirected: a redirect is not followed, and is no fault of the guard.
func TestPodReaderRedirected(t *testing.T) {
	_, err := readWeb(t.Context(), t, serve(t, "/pods/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://login.example.com/?token=hunter2")
		w.WriteHeader(http.StatusFound)
	}))
	if err == nil || !strings.Contains(err.Error(), "it redirects to https://login.example.com") || strings.Contains(err.Error(), "guard") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}
