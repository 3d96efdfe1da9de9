package collect

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestKubeletsWhileListing: the kubelets of a page are asked before the next page is there, once each,
// even when the list starts over; of nodes that are gone by then, one of which cannot be asked any more,
// nothing is in the snapshot.
func TestKubeletsWhileListing(t *testing.T) {
	f := newFakeAPI(t)
	asked := make(chan struct{})
	var (
		mu   sync.Mutex
		once sync.Once
	)
	count := map[string]int{}
	for _, name := range []string{"gone", "lost", "a", "b"} {
		f.handlers["GET /api/v1/nodes/"+name+"/proxy/metrics"] = func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			count[name]++
			if len(count) == 3 && name != "b" {
				once.Do(func() { close(asked) })
			}
			mu.Unlock()
			if name == "lost" {
				status(w, 404, metav1.StatusReasonNotFound, `nodes "lost" not found`)
				return
			}
			page(w, apiServerPage("v1.30.1", "1", `kubernetes_feature_enabled{name="SidecarContainers",stage="BETA"} 1`))
		}
	}
	expired := false
	f.handlers["GET /api/v1/nodes"] = func(w http.ResponseWriter, r *http.Request) {
		body := nodePage("2", 1, "a", "gone", "lost")
		switch {
		case r.URL.Query().Get("continue") == "" && expired:
			body = nodePage("2", 1, "a")
		case r.URL.Query().Get("continue") == "2" && !expired:
			select {
			case <-asked: // all of the first page
			case <-r.Context().Done():
				return
			}
			expired = true
			status(w, 410, metav1.StatusReasonExpired, "too old")
			return
		case r.URL.Query().Get("continue") == "2":
			body = nodePage("", 0, "b")
		}
		w.Header().Set("Content-Type", "application/vnd.kubernetes.protobuf")
		_, _ = w.Write(inProtobuf(t, body))
	}
	s := collectFrom(t, f.options(facts.Kubelets))
	var nodes, readings []string
	for _, n := range s.Nodes {
		nodes = append(nodes, n.Name)
	}
	for _, r := range s.Kubelets {
		readings = append(readings, r.Instance)
	}
	if want := []string{"a", "b"}; !slices.Equal(nodes, want) || !slices.Equal(readings, want) || len(s.Gaps) > 0 {
		t.Errorf("nodes %v, readings %v, gaps %v", nodes, readings, s.Gaps)
	}
	if diff := cmp.Diff(map[string]int{"gone": 1, "lost": 1, "a": 1, "b": 1}, count); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
}

// TestConnections: kubelets are asked over the one connection of all other requests, but those of a large
// cluster over one for each worker, which is kept. On a busy machine a connection may be opened while another one becomes
// free: some more, but never one for each node.
func TestConnections(t *testing.T) {
	for nodes, want := range map[int][2]int{pageSize - 1: {0, 1}, pageSize: {2, 20}} { // at least, at most
		f := &fakeAPI{handlers: map[string]http.HandlerFunc{}}
		f.Server = httptest.NewUnstartedServer(f)
		f.EnableHTTP2 = true
		var opened atomic.Int64
		f.Server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				opened.Add(1)
			}
		}
		f.StartTLS()
		for i := range nodes {
			name := fmt.Sprintf("n-%03d", i)
			f.nodes = append(f.nodes, readyNode(name, "v1.30.1"))
			f.handlers["GET /api/v1/nodes/"+name+"/proxy/metrics"] = paging(apiServerPage("v1.30.1", "1", `kubernetes_feature_enabled{name="SidecarContainers",stage="BETA"} 1`))
		}
		o := f.options(facts.Kubelets)
		o.Config.CAData, o.Concurrency = pemOf(f.Server), 3
		s := collectFrom(t, o)
		got := int(opened.Load())
		if len(s.Kubelets) != nodes || len(s.Gaps) > 0 || got < want[0] || got > want[1] {
			t.Errorf("%d nodes: %d readings, gaps %v, %d connections; want %d to %d", nodes, len(s.Kubelets), s.Gaps, got, want[0], want[1])
		}
		f.Close()
	}
}
