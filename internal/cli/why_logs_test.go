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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// oneJob is an API server with a pod, its Job, and the log of one container.
type oneJob struct {
	pod  *corev1.Pod
	job  any
	said string

	mu   sync.Mutex
	logs []string
}

func (s *oneJob) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := func(object any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(object); err != nil {
			panic(err)
		}
	}
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/log"):
		s.logs = append(s.logs, r.URL.Query().Get("container"))
		_, _ = w.Write([]byte(s.said))
	case strings.HasSuffix(path, "/pods/"+s.pod.Name):
		answer(s.pod)
	case strings.Contains(path, "/jobs/"):
		answer(s.job)
	case strings.HasPrefix(path, "/api/v1/nodes/"):
		answer(readyNode(path))
	case strings.HasSuffix(path, "/events"):
		answer(map[string]any{"apiVersion": "v1", "kind": "EventList", "items": []any{}})
	default:
		w.WriteHeader(http.StatusNotFound)
		answer(map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"})
	}
}

// readyNode is the node of a path: it exists, and its kubelet reports.
func readyNode(path string) *corev1.Node {
	n := &corev1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}, ObjectMeta: metav1.ObjectMeta{Name: strings.TrimPrefix(path, "/api/v1/nodes/")}}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	return n
}

// TestLogTellsTheRace: the log of a container that failed right after its start is read once, and decides.
func TestLogTellsTheRace(t *testing.T) {
	for _, test := range []struct {
		situation, said, flag string
		want                  string
		logs                  []string
	}{
		{"40-race-failed-job", "dial tcp 127.0.0.1:15001: connect: connection refused\n", "", "sidecar-start-race", []string{"report"}},
		{"40-race-failed-job", "no such table: orders\n", "", "", []string{"report"}},
		{"40-race-failed-job", "dial tcp 127.0.0.1:15001: connect: connection refused\n", "--logs=false", "", nil},
		{"41-raced-and-held", "dial tcp 127.0.0.1:15001: connect: connection refused\n", "", "sidecar-start-race", []string{"proxy", "report"}},
	} {
		s := recorded(t, test.situation)
		server := &oneJob{pod: s.Pods[0].DeepCopy(), job: s.Jobs[0], said: test.said}
		server.pod.TypeMeta.APIVersion, server.pod.TypeMeta.Kind = "v1", "Pod"
		api := httptest.NewServer(server)
		t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
		args := []string{"why", server.pod.Name, "-n", server.pod.Namespace, "--server", api.URL, "-o", "json"}
		if test.flag != "" {
			args = append(args, test.flag)
		}
		_, stdout, stderr := call(t, "", args...)
		api.Close()
		var got struct {
			Diagnoses []struct {
				RootCause string `json:"rootCause"`
			} `json:"diagnoses"`
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatalf("%v\n%s%s", err, stdout, stderr)
		}
		if len(got.Diagnoses) != 1 || got.Diagnoses[0].RootCause != test.want {
			t.Errorf("%s, %q %s: %+v, want %q", test.situation, test.said, test.flag, got.Diagnoses, test.want)
		}
		slices.Sort(server.logs)
		if !slices.Equal(server.logs, test.logs) {
			t.Errorf("%s %s: logs of %q were read, want %q", test.situation, test.flag, server.logs, test.logs)
		}
	}
}
