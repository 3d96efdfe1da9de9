package collect

import (
	"compress/gzip"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// zippedPage serves a page as kubelets do. If the rest is kept back, it never comes to its end.
func zippedPage(text string, keptBack bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			http.Error(w, "not asked to compress", http.StatusTeapot)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = zip.Write([]byte(text))
		if keptBack {
			_ = zip.Flush()
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		_ = zip.Close()
	}
}

// TestZippedPages: pages with the same lines are understood once and those with others are not mixed
// up with them; a page whose rest does not come has said what was asked for.
func TestZippedPages(t *testing.T) {
	f := newFakeAPI(t)
	yes, no := true, false
	want := []facts.FeatureReading{}
	for _, kubelet := range []struct {
		name     string
		enabled  *bool
		keptBack bool
	}{{"a", &yes, false}, {"b", &no, false}, {"c", &yes, true}, {"d", &no, true}, {"e", &yes, false}} {
		line := `kubernetes_feature_enabled{name="SidecarContainers",stage="BETA"} 1`
		if !*kubelet.enabled {
			line = line[:len(line)-1] + "0"
		}
		f.nodes = append(f.nodes, readyNode(kubelet.name, "v1.30.1"))
		f.handlers["GET /api/v1/nodes/"+kubelet.name+"/proxy/metrics"] = zippedPage(apiServerPage("v1.30.1", "1", line), kubelet.keptBack)
		want = append(want, facts.FeatureReading{
			Component: "kubelet", Instance: kubelet.name, Enabled: kubelet.enabled, Stage: "BETA", Source: facts.SourceMetrics, Evidence: line,
		})
	}
	f.handlers["GET /api/v1/nodes/f/proxy/metrics"] = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte("# HELP this is not compressed\n"))
	}
	f.nodes = append(f.nodes, readyNode("f", "v1.30.1"))
	s := collectFrom(t, f.options(facts.Kubelets))
	gap := facts.Gap{
		Kind: facts.Kubelets, Scope: "node/f", Reason: "the page broke off: gzip: invalid header",
		Remedy: "kubectl get --raw /api/v1/nodes/f/proxy/metrics shows the same; run again when it does not",
	}
	got := facts.Snapshot{Kubelets: s.Kubelets, Gaps: s.Gaps, Nodes: []corev1.Node{}}
	if diff := cmp.Diff(facts.Snapshot{Kubelets: want, Gaps: []facts.Gap{gap}, Nodes: []corev1.Node{}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
