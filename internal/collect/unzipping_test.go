package collect

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	gap := *kubeletGap("f", "the page broke off: gzip: invalid header", "run again once this succeeds:", "kubectl get --raw /api/v1/nodes/f/proxy/metrics")
	got := facts.Snapshot{Kubelets: s.Kubelets, Gaps: s.Gaps, Nodes: []corev1.Node{}}
	if diff := cmp.Diff(facts.Snapshot{Kubelets: want, Gaps: []facts.Gap{gap}, Nodes: []corev1.Node{}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestCompression: answers are asked for compressed, unless the user does not want that, and what is
// read is the same. A compressed answer that breaks off is a gap.
func TestCompression(t *testing.T) {
	node := readyNode("a", "v1.30.1")
	list, err := json.Marshal(corev1.NodeList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NodeList"}, Items: []corev1.Node{node}})
	if err != nil {
		t.Fatal(err)
	}
	page := apiServerPage("v1.30.1", "1", `kubernetes_feature_enabled{name="SidecarContainers",stage="BETA"} 1`)
	var mu sync.Mutex
	asked := map[string]string{}
	as := func(contentType, text string, cut int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			asked[r.URL.Path] = r.Header.Get("Accept-Encoding")
			mu.Unlock()
			w.Header().Set("Content-Type", contentType)
			if r.Header.Get("Accept-Encoding") != "gzip" {
				_, _ = io.WriteString(w, text)
				return
			}
			var zipped bytes.Buffer
			zip := gzip.NewWriter(&zipped)
			_, _ = io.WriteString(zip, text)
			_ = zip.Close()
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped.Bytes()[:zipped.Len()-cut])
		}
	}
	read := func(disable bool, cut int) (facts.Snapshot, map[string]string) {
		f := &fakeAPI{handlers: map[string]http.HandlerFunc{}}
		f.Server = httptest.NewTLSServer(f) // without TLS, client-go does not heed the setting
		defer f.Close()
		f.handlers["GET /api/v1/nodes"] = as("application/json", string(list), cut)
		f.handlers["GET /api/v1/nodes/a/proxy/metrics"] = as("text/plain", page, 0)
		o := f.options(facts.Kubelets)
		o.Config.DisableCompression, o.Config.CAData = disable, pemOf(f.Server)
		clear(asked)
		s := collectFrom(t, o)
		return facts.Snapshot{Nodes: s.Nodes, Kubelets: s.Kubelets, Gaps: s.Gaps}, maps.Clone(asked)
	}
	compressed, askedFor := read(false, 0)
	if diff := cmp.Diff(map[string]string{"/api/v1/nodes": "gzip", "/api/v1/nodes/a/proxy/metrics": "gzip"}, askedFor); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(compressed.Nodes) != 1 || len(compressed.Kubelets) != 1 || len(compressed.Gaps) != 0 {
		t.Errorf("read: %+v", compressed)
	}
	plain, askedFor := read(true, 0)
	if diff := cmp.Diff(map[string]string{"/api/v1/nodes": "", "/api/v1/nodes/a/proxy/metrics": ""}, askedFor); diff != "" {
		t.Errorf("without compression (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(compressed, plain); diff != "" {
		t.Errorf("(-compressed +plain)\n%s", diff)
	}
	broken, _ := read(false, 6)
	want := []facts.Gap{
		{
			Kind: facts.Nodes, Reason: "list nodes: unexpected error when reading response body. Please retry. Original error: unexpected EOF",
			Remedy: "run again; if it persists, see what kubectl -v=8 says to the same request",
		},
		{Kind: facts.Kubelets, Reason: "without the nodes there are no kubelets to ask", Remedy: listNodes.remedy().Text},
	}
	if diff := cmp.Diff(want, broken.Gaps); diff != "" {
		t.Errorf("cut off (-want +got)\n%s", diff)
	}
}
