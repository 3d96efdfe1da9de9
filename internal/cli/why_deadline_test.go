package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// slowEvents is an API server with one pod, whose events never come.
type slowEvents struct {
	pod *corev1.Pod

	mu    sync.Mutex
	asked []string
}

func (s *slowEvents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/pods/"+s.pod.Name):
		if err := json.NewEncoder(w).Encode(s.pod); err != nil {
			panic(err)
		}
	case strings.HasPrefix(r.URL.Path, "/api/v1/nodes/"):
		if err := json.NewEncoder(w).Encode(readyNode(r.URL.Path)); err != nil {
			panic(err)
		}
	case strings.HasSuffix(r.URL.Path, "/events"):
		<-r.Context().Done()
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"apiVersion":"v1","kind":"Status","status":"Failure","code":404,"reason":"NotFound"}`))
	}
}

// TestTimeoutIsForAll: --timeout is how long the whole command may take, not each of its phases. Here
// the first one needs all of it. The pod calls for more, which is then not asked for, and unknown.
func TestTimeoutIsForAll(t *testing.T) {
	server := &slowEvents{pod: recorded(t, "02-stripped-pod").Pods[0].DeepCopy()}
	server.pod.TypeMeta.APIVersion, server.pod.TypeMeta.Kind = "v1", "Pod"
	api := httptest.NewServer(server)
	defer api.Close()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	code, stdout, stderr := call(t, "", "why", server.pod.Name, "-n", server.pod.Namespace, "--server", api.URL,
		"--timeout", "2s", "--request-timeout", "60s", "-o", "json")
	if code != report.ExitFindings {
		t.Fatalf("exit %d, want %d\n%s%s", code, report.ExitFindings, stdout, stderr)
	}
	for _, asked := range server.asked {
		if strings.HasPrefix(asked, "POST") || asked == "GET /version" || strings.HasSuffix(asked, "/log") {
			t.Errorf("asked when the time was over: %s", asked)
		}
	}
	var got struct {
		Coverage []report.Coverage `json:"coverage"`
		Limits   []string          `json:"limits"`
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	unread := report.Coverage{Kind: facts.Canaries, Seen: 0, Total: -1}
	if !slices.Contains(got.Coverage, unread) {
		t.Errorf("the coverage lacks %+v: %+v", unread, got.Coverage)
	}
	const limit = "the run timed out before asking who stripped restartPolicy: allow more, --timeout 5m"
	if !slices.Contains(got.Limits, limit) {
		t.Errorf("the limits lack %q: %q", limit, got.Limits)
	}
}
