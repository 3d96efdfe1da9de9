package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// doctorKinds are all but the canaries, which have tests of their own.
var doctorKinds = []facts.Kind{facts.Clock, facts.APIServers, facts.ControlPlane, facts.Nodes, facts.Kubelets, facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies}

// A quiet cluster: nothing is missing, and the snapshot says when it was taken, by what and of whom.
func TestRun(t *testing.T) {
	f := newFakeAPI(t)
	o := f.options(doctorKinds...)
	steps := map[string]bool{}
	o.Progress = func(step string, done, total int) { steps[step] = true }
	got, ledger, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := &facts.Snapshot{
		TypeMeta: metav1.TypeMeta{APIVersion: facts.APIVersion, Kind: facts.SnapshotKind},
		TakenAt:  metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), Tool: "test", Server: f.URL,
		ServerVersion: &version.Info{Major: "1", Minor: "30", GitVersion: "v1.30.1"},
		APIServers: []facts.APIServer{{Started: "1760000000.12", Version: "v1.30.1", Reading: &facts.FeatureReading{
			Component: "kube-apiserver", Enabled: &yes, Stage: "BETA", Source: facts.SourceMetrics,
			Evidence: `kubernetes_feature_enabled{name="SidecarContainers",stage="BETA"} 1`}}},
		Seen: doctorKinds,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !steps["API servers"] {
		t.Errorf("steps: %v", steps)
	}
	requests := ledger.Requests()
	i := slices.IndexFunc(requests, func(r Request) bool { return r.URL == "/api/v1/nodes?limit=500" })
	if i < 0 {
		t.Fatalf("the ledger lacks the nodes: %+v", requests)
	}
	if r := requests[i]; r.Method != "GET" || r.Status != 200 || r.Bytes == 0 || r.Err != "" || r.Start.IsZero() {
		t.Errorf("in the ledger: %+v", r)
	}
}

// Only what is asked for, and what it builds on, is read.
func TestKinds(t *testing.T) {
	for _, test := range []struct {
		kinds []facts.Kind
		seen  []facts.Kind
		asked int
	}{
		{[]facts.Kind{facts.Nodes}, []facts.Kind{facts.Clock, facts.Nodes}, 1},
		{[]facts.Kind{facts.Kubelets}, []facts.Kind{facts.Clock, facts.Nodes, facts.Kubelets}, 1},
		{[]facts.Kind{}, []facts.Kind{facts.Clock}, 0},
		{[]facts.Kind{facts.Pods}, []facts.Kind{facts.Clock}, 0},
	} {
		f := newFakeAPI(t)
		s := collectFrom(t, f.options(test.kinds...))
		if diff := cmp.Diff(test.seen, s.Seen); diff != "" {
			t.Errorf("%v: %s", test.kinds, diff)
		}
		if len(f.asks) != test.asked {
			t.Errorf("%v: asked for %v", test.kinds, f.asks)
		}
	}
}

// Each missing right is one gap with its rule. The probe finds no way, either.
func TestMissingRights(t *testing.T) {
	f := newFakeAPI(t)
	for _, r := range Rules(doctorKinds) {
		f.denied[r.String()] = "RBAC: nothing"
	}
	f.handlers["GET /apis/admissionregistration.k8s.io/v1"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, metav1.APIResourceList{APIResources: []metav1.APIResource{{Name: "mutatingadmissionpolicies"}}})
	}
	s := collectFrom(t, f.options(doctorKinds...))
	gap := func(kind facts.Kind, about facts.Instance, what, rule string) facts.Gap {
		verb, _, _ := strings.Cut(what, " ")
		object := strings.TrimPrefix(what, verb+" ")
		return facts.Gap{Kind: kind, Scope: about.Scope(), Instance: about, Reason: "you are not allowed to " + what + ": RBAC: nothing",
			Remedy: "allow " + verb + " on " + object + " (the whole role: kubectl sidecar rbac): " + rule}
	}
	want := []facts.Gap{
		gap(facts.APIServers, facts.APIServerInstance(facts.PartEndpoints), "list endpointslices.discovery.k8s.io in namespace default", `{apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list"]} in namespace default`),
		gap(facts.APIServers, facts.APIServerInstance(facts.PartGate), "create podtemplates in namespace default", `{apiGroups: [""], resources: ["podtemplates"], verbs: ["create"]} in namespace default`),
		gap(facts.APIServers, facts.APIServerInstance(facts.PartLeases), "list leases.coordination.k8s.io in namespace kube-system", `{apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["list"]} in namespace kube-system`),
		gap(facts.APIServers, facts.APIServerInstance(facts.PartMetrics), "get /metrics", `{nonResourceURLs: ["/metrics"], verbs: ["get"]}`),
		gap(facts.ControlPlane, whole, "list pods in namespace kube-system", `{apiGroups: [""], resources: ["pods"], verbs: ["list"]} in namespace kube-system`),
		gap(facts.Nodes, whole, "list nodes", `{apiGroups: [""], resources: ["nodes"], verbs: ["list"]}`),
		{Kind: facts.Kubelets, Reason: "without the nodes there are no kubelets to ask", Remedy: listNodes.remedy().Text},
		gap(facts.Namespaces, whole, "list namespaces", `{apiGroups: [""], resources: ["namespaces"], verbs: ["list"]}`),
		gap(facts.MutatingWebhooks, whole, "list mutatingwebhookconfigurations.admissionregistration.k8s.io", `{apiGroups: ["admissionregistration.k8s.io"], resources: ["mutatingwebhookconfigurations"], verbs: ["list"]}`),
		gap(facts.MutatingPolicies, whole, "list mutatingadmissionpolicies.admissionregistration.k8s.io", `{apiGroups: ["admissionregistration.k8s.io"], resources: ["mutatingadmissionpolicies"], verbs: ["list"]}`),
		gap(facts.MutatingPolicies, whole, "list mutatingadmissionpolicybindings.admissionregistration.k8s.io", `{apiGroups: ["admissionregistration.k8s.io"], resources: ["mutatingadmissionpolicybindings"], verbs: ["list"]}`),
	}
	if diff := cmp.Diff(want, s.Gaps); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(doctorKinds, s.Seen); diff != "" {
		t.Error(diff)
	}
}

// Where access reviews are refused, the requests themselves tell.
func TestReviewsRefused(t *testing.T) {
	f := newFakeAPI(t)
	f.handlers["POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"] = refusing(403, "Forbidden", `User "u" cannot create resource "selfsubjectaccessreviews"`)
	f.handlers["GET /api/v1/namespaces"] = refusing(403, "Forbidden", `namespaces is forbidden: User "u" cannot list resource "namespaces"`)
	s := collectFrom(t, f.options(facts.Nodes, facts.Namespaces))
	want := []facts.Gap{{Kind: facts.Namespaces, Reason: `namespaces is forbidden: User "u" cannot list resource "namespaces"`, Remedy: listNamespaces.remedy().Text}}
	if diff := cmp.Diff(want, s.Gaps); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// nodePages serves five nodes in pages of two; continue tokens go through step first.
func nodePages(step func(token string) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := r.URL.Query().Get("continue")
		if !step(token) {
			status(w, 410, "Expired", "The provided continue parameter is too old")
			return
		}
		start := 0
		fmt.Sscan(token, &start)
		list := map[string]any{"kind": "NodeList", "apiVersion": "v1"}
		meta := map[string]any{}
		var items []any
		for i := start; i < min(start+2, 5); i++ {
			items = append(items, readyNode(fmt.Sprintf("n-%d", i), "v1.36.0"))
		}
		if start+2 < 5 {
			meta["continue"], meta["remainingItemCount"] = fmt.Sprint(start+2), 5-start-2
		}
		list["items"], list["metadata"] = items, meta
		reply(w, 200, list)
	}
}

func TestPages(t *testing.T) {
	const expired = "only 2 of 5 were read: The provided continue parameter is too old"
	for _, test := range []struct {
		name  string
		step  func(n int32, token string) bool
		nodes int
		gaps  []facts.Gap
	}{
		{"all pages", func(int32, string) bool { return true }, 5, nil},
		{"a token that expires once", func(n int32, token string) bool { return n != 2 }, 5, nil},
		{"tokens that always expire", func(_ int32, token string) bool { return token == "" }, 2, []facts.Gap{
			{Kind: facts.Nodes, Reason: expired, Remedy: "the API server answered 410; run again, and see its log if it persists"}}},
	} {
		f := newFakeAPI(t)
		var n atomic.Int32
		f.handlers["GET /api/v1/nodes"] = nodePages(func(token string) bool { return test.step(n.Add(1), token) })
		s := collectFrom(t, f.options(facts.Nodes))
		if len(s.Nodes) != test.nodes {
			t.Errorf("%s: %d nodes, want %d", test.name, len(s.Nodes), test.nodes)
		}
		if diff := cmp.Diff(test.gaps, s.Gaps); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
	}
}

// When nothing can be asked there is one line and a hint, and no snapshot.
func TestUnreachable(t *testing.T) {
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	served := func(h http.HandlerFunc) *rest.Config {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return &rest.Config{Host: server.URL}
	}
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are meant
	secure.StartTLS()
	t.Cleanup(secure.Close)
	insecure := strings.Replace(served(http.NotFound).Host, "http://", "https://", 1)
	anonymous := newFakeAPI(t)
	anonymous.handlers["POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"] = refusing(403, "Forbidden", `selfsubjectaccessreviews.authorization.k8s.io is forbidden: User "system:anonymous" cannot create resource`)
	expired := newFakeAPI(t)
	expired.handlers["POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"] = refusing(401, "Unauthorized", "Unauthorized")
	for _, test := range []struct {
		name          string
		config        *rest.Config
		problem, hint string
	}{
		{"nobody listens", &rest.Config{Host: "https://" + refused.Addr().String()}, "connection refused", "is it running? " + hintServer},
		{"no such host", &rest.Config{Host: "https://no-such-host.invalid"}, "no such host: no-such-host.invalid", hintServer},
		{"no answer", &rest.Config{Host: "http://" + silent.Addr().String()}, "no answer in time", hintNetwork},
		{"unknown authority", &rest.Config{Host: secure.URL}, "its certificate is signed by an unknown authority", "the kubeconfig's certificate-authority is not that of this cluster; " + hintServer},
		{"another host's certificate", &rest.Config{Host: secure.URL, TLSClientConfig: rest.TLSClientConfig{ServerName: "elsewhere", CAData: pemOf(secure)}},
			"its certificate is not valid: tls: failed to verify certificate: x509: certificate is valid for example.com, *.example.com, not elsewhere", "check certificate-authority and tls-server-name in the kubeconfig, and this machine's clock"},
		{"no TLS", &rest.Config{Host: insecure}, "it does not speak TLS", hintServer},
		{"401", served(refusing(401, "Unauthorized", "Unauthorized")), "it does not accept your credentials (401 Unauthorized)", hintLogin},
		{"401 later", expired.options().Config, "it does not accept your credentials (401 Unauthorized)", hintLogin},
		{"no credentials", anonymous.options().Config, "it takes you for system:anonymous, because the kubeconfig's user has no credentials", hintServer},
		{"a web server", served(http.NotFound), "what answers is not a Kubernetes API server (HTTP status 404: 404 page not found)", hintServer},
		{"a login page", served(plain(200, "<html>log in</html>")), `what answers is not a Kubernetes API server: "<html>log in</html>"`, hintServer},
		{"a broken API server", served(refusing(500, "InternalError", "etcd is away")), "it answers with an error: etcd is away", "see the API server's log; kubectl get --raw /readyz?verbose says which part is not ready"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			timeout := 30 * time.Second // a busy machine may take long to refuse
			if test.hint == hintNetwork {
				timeout = 250 * time.Millisecond
			}
			s, ledger, err := Run(t.Context(), Options{Config: test.config, Kinds: []facts.Kind{facts.Nodes}, RequestTimeout: timeout})
			var got *UnreachableError
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			if got.Problem != test.problem || got.Hint != test.hint {
				t.Errorf("got  %s\n     %s\nwant %s\n     %s", got.Problem, got.Hint, test.problem, test.hint)
			}
			if want := "cannot ask the API server at " + test.config.Host + ": " + test.problem; err.Error() != want || strings.Contains(want, "\n") {
				t.Errorf("got %s, want %s", err, want)
			}
			if s != nil || len(ledger.Requests()) == 0 {
				t.Errorf("snapshot %v, %d requests", s, len(ledger.Requests()))
			}
		})
	}
}

func TestBadConfiguration(t *testing.T) {
	for _, test := range []struct {
		config *rest.Config
		want   string
	}{
		{nil, "no client configuration"},
		{&rest.Config{Host: "https://x", TLSClientConfig: rest.TLSClientConfig{CAFile: "/does/not/exist"}}, "client configuration: open /does/not/exist: no such file or directory"},
		{&rest.Config{Host: "%%"}, `client configuration: parse "http://%%": invalid URL escape "%%"`},
	} {
		_, ledger, err := Run(t.Context(), Options{Config: test.config})
		if fmt.Sprint(err) != test.want || ledger == nil {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

// Who interrupts before anything is known gets an error, since there is nothing to print.
func TestInterruptedAtOnce(t *testing.T) {
	f := newFakeAPI(t)
	f.handlers["GET /version"] = hang()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, _, err := Run(ctx, f.options(facts.Nodes))
	if err == nil || !strings.HasPrefix(err.Error(), "interrupted before the API server answered") || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A request that the guard refuses is a bug, and fails the run.
func TestBreachFailsTheRun(t *testing.T) {
	f := newFakeAPI(t)
	o := f.options(facts.Nodes)
	o.Config.WrapTransport = func(rt http.RoundTripper) http.RoundTripper {
		return roundTripFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/api/v1/nodes" {
				r = r.Clone(r.Context())
				r.Method = "DELETE"
			}
			return rt.RoundTrip(r)
		})
	}
	s, _, err := Run(t.Context(), o)
	if s != nil || !errors.Is(err, errRefused) {
		t.Errorf("got %v, %v", s, err)
	}
}
