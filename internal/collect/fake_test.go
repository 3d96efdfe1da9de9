package collect

import (
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A fakeAPI answers like an API server, as far as Run asks it, with faults where a test wants them.
type fakeAPI struct {
	*httptest.Server
	// handlers are by "METHOD path"; they come before the defaults.
	handlers map[string]http.HandlerFunc
	// denied are the rules (Rule.String) that access reviews deny.
	denied map[string]string
	nodes  []corev1.Node

	mu   sync.Mutex
	asks []string // the rules that were asked about
}

func newFakeAPI(t *testing.T) *fakeAPI {
	f := &fakeAPI{handlers: map[string]http.HandlerFunc{}, denied: map[string]string{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// options are those of a run against f, without canaries, which have tests of their own.
func (f *fakeAPI) options(kinds ...facts.Kind) Options {
	return Options{
		Config: &rest.Config{Host: f.URL}, Kinds: kinds, Tool: "test", RequestTimeout: 2 * time.Second,
		Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC) },
	}
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := f.handlers[r.Method+" "+r.URL.Path]; h != nil {
		h(w, r)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /version":
		reply(w, 200, map[string]string{"gitVersion": "v1.30.1", "major": "1", "minor": "30"})
	case "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews":
		f.review(w, r)
	case "GET /metrics":
		page(w, apiServerPage("v1.30.1", "1760000000.12", `kubernetes_feature_enabled{name="SidecarContainers",stage="BETA"} 1`))
	case "GET /api/v1/nodes":
		reply(w, 200, corev1.NodeList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NodeList"}, Items: f.nodes})
	case "GET /apis/coordination.k8s.io/v1/namespaces/kube-system/leases", "GET /apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
		"GET /api/v1/namespaces/kube-system/pods", "GET /api/v1/namespaces", "GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
		"GET /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations":
		reply(w, 200, map[string]any{"items": []any{}})
	default:
		status(w, 404, "NotFound", "the server could not find the requested resource")
	}
}

func (f *fakeAPI) review(w http.ResponseWriter, r *http.Request) {
	var review authorizationv1.SelfSubjectAccessReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		status(w, 400, "BadRequest", err.Error())
		return
	}
	asked := Rule{}
	if a := review.Spec.NonResourceAttributes; a != nil {
		asked.NonResourceURLs, asked.Verbs = []string{a.Path}, []string{a.Verb}
	} else {
		a := review.Spec.ResourceAttributes
		resource := a.Resource
		if a.Subresource != "" {
			resource += "/" + a.Subresource
		}
		asked = Rule{PolicyRule: rule(a.Verb, a.Group, resource), Namespace: a.Namespace}
	}
	f.mu.Lock()
	f.asks = append(f.asks, asked.String())
	f.mu.Unlock()
	reason, denied := f.denied[asked.String()]
	if asked.String() == anything.String() && len(f.denied) > 0 {
		denied = true
	}
	review.Status = authorizationv1.SubjectAccessReviewStatus{Allowed: !denied, Reason: reason}
	review.TypeMeta = metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"}
	reply(w, 201, review)
}

func reply(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

// status is how the API server itself says no.
func status(w http.ResponseWriter, code int32, reason metav1.StatusReason, message string) {
	reply(w, int(code), metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Code: code, Reason: reason, Message: message})
}

// refusing returns a handler that answers with a Status.
func refusing(code int32, reason metav1.StatusReason, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { status(w, code, reason, message) }
}

// gone returns a handler that answers as an API server does where an object does not exist.
func gone(resource, name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		s := apierrors.NewNotFound(corev1.Resource(resource), name).ErrStatus
		s.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
		reply(w, int(s.Code), s)
	}
}

// plain returns a handler that answers with text, as what stands behind the API server does.
func plain(code int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, text)
	}
}

// hang returns a handler that never answers.
func hang() http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
}

func page(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	io.WriteString(w, text)
}

// paging returns a handler that serves a metrics page.
func paging(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { page(w, text) }
}

func apiServerPage(version, started, gate string) string {
	return fmt.Sprintf(`# HELP aggregator_x x
# TYPE aggregator_x counter
aggregator_x 1
# TYPE kubernetes_build_info gauge
kubernetes_build_info{git_version=%q,major="1"} 1
# HELP kubernetes_feature_enabled [BETA] This metric records the data about the stage and enablement of a k8s feature.
# TYPE kubernetes_feature_enabled gauge
kubernetes_feature_enabled{name="APIServerIdentity",stage="BETA"} 1
%s
# TYPE process_start_time_seconds gauge
process_start_time_seconds %s
# TYPE workqueue_x gauge
workqueue_x 1
`, version, gate, started)
}

// recorded is a page of a real kubelet.
func recorded(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open("../../test/cluster/testdata/kubelet/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readyNode is a node whose kubelet may be asked.
func readyNode(name, version string) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	n.Status.NodeInfo.KubeletVersion = version
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	return n
}

// collectFrom runs and returns the snapshot; it fails the test when there is none.
func collectFrom(t *testing.T, o Options) *facts.Snapshot {
	t.Helper()
	s, _, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pemOf is a server's certificate.
func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}
