package collect

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const (
	dryReview = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"1","dryRun":true}}`
	oneLabel  = `{"metadata":{"labels":{"a":"b"}}}`
	wetReview = `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"1","dryRun":false}}`
)

func TestGuard(t *testing.T) {
	const pods, webhook = "/api/v1/namespaces/a/pods", "/api/v1/namespaces/a/services/https:w:443/proxy/mutate"
	for _, test := range []struct {
		method, path, body string
		refused            string // "" is let through
	}{
		{"GET", "/api/v1/nodes?limit=500", "", ""},
		{"GET", "/version", "", ""},
		{"GET", "/apis", "", ""},
		{"GET", "/api/v1/namespaces/a/pods/b/log?tailLines=5", "", ""},
		{"GET", "/api/v1/nodes/n/proxy/metrics", "", ""},
		{"GET", "/api/v1/nodes/n/proxy/configz", "", ""},
		{"GET", "/api/v1/nodes/exec/proxy/metrics", "", ""},
		{"GET", "/api/v1/namespaces/exec", "", ""},
		{"GET", "/api/v1/namespaces/watch/pods", "", ""},
		{"GET", "/api/v1/namespaces/a/pods/exec", "", ""},
		{"GET", pods + "?watch=true&timeoutSeconds=300", "", ""},
		{"GET", "/api/v1/namespaces/a/events?watch=true&timeoutSeconds=1&fieldSelector=involvedObject.name%3Db", "", ""},
		{"GET", pods + "?watch=true", "", "needs a timeout"},
		{"GET", pods + "?watch=true&timeoutSeconds=0", "", "needs a timeout"},
		{"GET", pods + "?watch=true&timeoutSeconds=301", "", "needs a timeout"},
		{"GET", pods + "?watch=true&timeoutSeconds=5&timeoutSeconds=500", "", "needs a timeout"},
		{"GET", pods + "?watch=true&watch=1&timeoutSeconds=5", "", "no watches"},
		{"GET", pods + "?watch=1&timeoutSeconds=5", "", "no watches"},
		{"GET", pods + "/b?watch=true&timeoutSeconds=5", "", "no watches"},
		{"GET", "/api/v1/pods?watch=true&timeoutSeconds=5", "", "no watches"},
		{"GET", "/api/v1/namespaces/a/secrets?watch=true&timeoutSeconds=5", "", "no watches"},
		{"GET", "/api/v1/nodes?watch=true", "", "no watches"},
		{"GET", "/api/v1/nodes?watch=0", "", "no watches"},
		{"GET", "/api/v1/watch/nodes", "", "no watches"},
		{"GET", "/apis/apps/v1/watch/deployments", "", "no watches"},
		{"GET", "/api/v1/namespaces/a/pods/b/exec?command=ls", "", "can run commands"},
		{"GET", "/api/v1/namespaces/a/pods/b/EXEC", "", "can run commands"},
		{"GET", "/api/v1/namespaces/a/pods/b/attach", "", "can run commands"},
		{"GET", "/api/v1/namespaces/a/pods/b/portforward", "", "can run commands"},
		{"GET", "/api/v1/nodes/n/proxy/exec/a/b/c?command=ls", "", "of proxies"},
		{"GET", "/api/v1/nodes/n/proxy/exec", "", "of proxies"},
		{"GET", "/api/v1/nodes/n/proxy/run/a/b/c", "", "of proxies"},
		{"GET", "/api/v1/nodes/n/proxy/metrics/cadvisor", "", "of proxies"},
		{"GET", "/api/v1/nodes/n/proxy", "", "of proxies"},
		{"GET", "/api/v1/nodes/n/proxy/", "", "of proxies"},
		{"GET", "/api/v1/proxy/nodes/n/metrics", "", "of proxies"},
		{"GET", "/api/v1/namespaces/a/services/s/proxy/x", "", "of proxies"},
		{"GET", "/api/v1/namespaces/a/pods/p/proxy/x", "", "of proxies"},
		{"GET", "/api/v1/nodes/n/proxy/metrics/../exec", "", "plain path"},
		{"GET", "/api/v1/nodes/n/proxy/metrics/%2e%2e/exec", "", "plain path"},
		{"GET", "/api/v1/nodes/n/proxy%2Fexec", "", "plain path"},
		{"GET", "/api/v1//nodes", "", "plain path"},
		{"GET", "/api/v1/nodes?a=%zz", "", "query"},
		{"GET", "/elsewhere", "", "plain path"},
		{"GET", "https://other/base/api/v1/nodes", "", "host"},
		{"HEAD", "/version", "", "only GET"},
		{"PUT", pods + "/b?dryRun=All", "", "only GET"},
		{"PATCH", pods + "/b?dryRun=All", oneLabel, ""},
		{"PATCH", pods + "/b?dryRun=All&fieldManager=x", oneLabel, ""},
		{"PATCH", pods + "/b?dryRun=All", "", "one label"},
		{"PATCH", pods + "/b?dryRun=All", `{"metadata":{"labels":{"a":"b","c":"d"}}}`, "one label"},
		{"PATCH", pods + "/b?dryRun=All", `{"metadata":{"labels":{"a":"b"},"finalizers":[]}}`, "one label"},
		{"PATCH", pods + "/b?dryRun=All", `{"metadata":{"labels":{"a":"b"}},"spec":{}}`, "one label"},
		{"PATCH", pods + "/b?dryRun=All", oneLabel + oneLabel, "one label"},
		{"PATCH", pods + "/b?dryRun=All", `{"metadata":{"labels":{"a":"` + strings.Repeat("x", maxPatch) + `"}}}`, "one label"},
		{"PATCH", pods + "/b", oneLabel, "dryRun=All"},
		{"PATCH", pods + "/b?dryRun=All&dryRun=None", oneLabel, "dryRun=All"},
		{"PATCH", pods + "?dryRun=All", oneLabel, "only pods"},
		{"PATCH", pods + "/b/status?dryRun=All", oneLabel, "only pods"},
		{"PATCH", "/apis/apps/v1/namespaces/a/deployments/b?dryRun=All", oneLabel, ""},
		{"PATCH", "/apis/apps/v1/namespaces/a/deployments/b", oneLabel, "dryRun=All"},
		{"PATCH", "/apis/apps/v1/namespaces/a/deployments/b?dryRun=All", `{"spec":{"replicas":0}}`, "one label"},
		{"PATCH", "/apis/apps/v1/namespaces/a/deployments/b/scale?dryRun=All", oneLabel, "only pods"},
		{"PATCH", "/apis/apps/v1/namespaces/a/deployments?dryRun=All", oneLabel, "only pods"},
		{"PATCH", "/apis/batch/v1/namespaces/a/cronjobs/b?dryRun=All", oneLabel, ""},
		{"PATCH", "/api/v1/namespaces/a/podtemplates/b?dryRun=All", oneLabel, ""},
		{"PATCH", "/api/v1/namespaces/a/secrets/b?dryRun=All", oneLabel, "only pods"},
		{"PATCH", "/apis/example.com/v1/namespaces/a/gadgets/b?dryRun=All", oneLabel, ""},
		{"PATCH", "/apis/example.com/v1/namespaces/a/gadgets/b/status?dryRun=All", oneLabel, "only pods"},
		{"PATCH", "/apis/example.com/v1/namespaces/a/others/b?dryRun=All", oneLabel, "only pods"},
		{"DELETE", pods + "/b?dryRun=All", "", "only GET"},
		{"DELETE", pods + "?dryRun=All", "", "only GET"},
		{"POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "{}", ""},
		{"POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", "{}", ""},
		{"POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", "{}", "only access reviews"},
		{"POST", "/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews", "{}", "only access reviews"},
		{"POST", pods + "?dryRun=All", "{}", ""},
		{"POST", pods + "?dryRun=All&fieldManager=x", "{}", ""},
		{"POST", "/api/v1/namespaces/a/podtemplates?dryRun=All", "{}", ""},
		{"POST", pods, "{}", "dryRun=All"},
		{"POST", pods + "?dryRun=", "{}", "dryRun=All"},
		{"POST", pods + "?dryRun=all", "{}", "dryRun=All"},
		{"POST", pods + "?dryrun=All", "{}", "dryRun=All"},
		{"POST", pods + "?dryRun=All&dryRun=None", "{}", "dryRun=All"},
		{"POST", pods + "/b/eviction?dryRun=All", "{}", "only access reviews"},
		{"POST", pods + "/b/binding?dryRun=All", "{}", "only access reviews"},
		{"POST", pods + "/b/exec?dryRun=All", "{}", "only access reviews"},
		{"POST", "/api/v1/namespaces?dryRun=All", "{}", "only access reviews"},
		{"POST", "/apis/apps/v1/namespaces/a/deployments?dryRun=All", "{}", ""},
		{"POST", "/apis/apps/v1/namespaces/a/statefulsets?dryRun=All", "{}", ""},
		{"POST", "/apis/apps/v1/namespaces/a/daemonsets?dryRun=All", "{}", ""},
		{"POST", "/apis/apps/v1/namespaces/a/replicasets?dryRun=All", "{}", ""},
		{"POST", "/apis/batch/v1/namespaces/a/jobs?dryRun=All", "{}", ""},
		{"POST", "/apis/batch/v1/namespaces/a/cronjobs?dryRun=All", "{}", ""},
		{"POST", "/api/v1/namespaces/a/replicationcontrollers?dryRun=All", "{}", ""},
		{"POST", "/apis/apps/v1/namespaces/a/deployments", "{}", "dryRun=All"},
		{"POST", "/apis/apps/v1/namespaces/a/deployments/b/scale?dryRun=All", "{}", "only access reviews"},
		{"POST", "/apis/apps/v1/namespaces/a/controllerrevisions?dryRun=All", "{}", "only access reviews"},
		{"POST", "/apis/example.com/v1/namespaces/a/gadgets?dryRun=All", "{}", ""},
		{"POST", "/apis/example.com/v1/namespaces/a/gadgets", "{}", "dryRun=All"},
		{"POST", "/apis/example.com/v2/namespaces/a/gadgets?dryRun=All", "{}", "only access reviews"},
		{"POST", "/apis/example.com/v1/namespaces/a/others?dryRun=All", "{}", "only access reviews"},
		{"POST", "/apis/example.com/v1/gadgets?dryRun=All", "{}", "only access reviews"},
		{"POST", "/apis/example.com/v1/namespaces/a/gadgets/b/status?dryRun=All", "{}", "only access reviews"},
		{"POST", "/api/v1/namespaces/a/serviceaccounts/default/token", "{}", "only access reviews"},
		{"POST", "/api/v1/nodes/n/proxy/run/a/b/c?dryRun=All", dryReview, "only access reviews"},
		{"POST", webhook + "?timeout=5s", dryReview, ""},
		{"POST", "/api/v1/namespaces/a/services/w/proxy", dryReview, ""},
		{"POST", webhook, wetReview, "not a dry run"},
		{"POST", webhook, `{"kind":"AdmissionReview","request":{}}`, "not a dry run"},
		{"POST", webhook, `{"kind":"AdmissionReview"}`, "not an admission review"},
		{"POST", webhook, `{"request":{"dryRun":true}}`, "not an admission review"},
		{"POST", webhook, `{"kind":"AdmissionReview","request":{"dryRun":true}`, "not an admission review"},
		{"POST", webhook, "", "not an admission review"},
		{"POST", webhook, `{"kind":"AdmissionReview","x":"` + strings.Repeat("x", maxReview) + `","request":{"dryRun":true}}`, "too large"},
	} {
		reached, body, customs := 0, "", &customResources{}
		customs.allow("example.com", "v1", "gadgets")
		g := &guard{customs: customs, host: "api:6443", prefix: "/base", ledger: &Ledger{}, broken: &breach{}, pace: newPace(0), next: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			reached++
			if r.Body != nil {
				read, _ := io.ReadAll(r.Body)
				body = string(read)
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(""))}, nil
		})}
		target := test.path
		if !strings.HasPrefix(target, "https://") {
			prefix := "/base"
			if target == "/elsewhere" {
				prefix = ""
			}
			target = "https://api:6443" + prefix + target
		}
		req, err := http.NewRequest(test.method, target, bytes.NewReader([]byte(test.body)))
		if err != nil {
			t.Fatal(err)
		}
		if test.method == "PATCH" {
			req.Header.Set("Content-Type", mergePatch)
		}
		_, err = g.RoundTrip(req)
		name := test.method + " " + test.path
		switch {
		case test.refused == "":
			if err != nil || reached != 1 || body != test.body || g.broken.get() != nil {
				t.Errorf("%s: %v, sent %d times, body %q", name, err, reached, body)
			}
		case err == nil || !errors.Is(err, errRefused) || !strings.Contains(err.Error(), test.refused):
			t.Errorf("%s: got %v, want it refused with %q", name, err, test.refused)
		case reached > 0:
			t.Errorf("%s: refused, and sent", name)
		case !errors.Is(g.broken.get(), errRefused):
			t.Errorf("%s: the refusal was not kept", name)
		}
		if n := len(g.ledger.Requests()); n != 1 {
			t.Errorf("%s: %d requests in the ledger", name, n)
		}
	}
}

func TestGuardRefusesUpgrade(t *testing.T) {
	g := &guard{host: "api", ledger: &Ledger{}, broken: &breach{}, pace: newPace(0)}
	req := httptest.NewRequest("GET", "https://api/apis/subresources.kubevirt.io/v1/namespaces/a/virtualmachineinstances/b/vnc", nil)
	req.Header.Set("Upgrade", "websocket")
	if _, err := g.RoundTrip(req); !errors.Is(err, errRefused) {
		t.Errorf("got %v", err)
	}
}

// Every client that is made from the collector's configuration has the guard below it, also where
// the kubeconfig brings wrappers of its own.
func TestGuardIsBelowEverything(t *testing.T) {
	var sent []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Method+" "+r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{}`))
	}))
	defer server.Close()
	// A wrapper that turns every request into a DELETE.
	config := &rest.Config{Host: server.URL, BearerToken: "x", WrapTransport: func(rt http.RoundTripper) http.RoundTripper {
		return roundTripFunc(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Evil") != "" {
				r = r.Clone(r.Context())
				r.Method = "DELETE"
			}
			return rt.RoundTrip(r)
		})
	}}
	clients := map[string]func(*testing.T, *collector) error{
		"typed delete": func(t *testing.T, c *collector) error {
			return c.client.CoreV1().Pods("a").Delete(t.Context(), "b", metav1.DeleteOptions{})
		},
		"typed create": func(t *testing.T, c *collector) error {
			_, err := c.client.CoreV1().Pods("a").Create(t.Context(), &corev1.Pod{}, metav1.CreateOptions{})
			return err
		},
		"review for somebody else": func(t *testing.T, c *collector) error {
			_, err := c.client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{}, metav1.CreateOptions{})
			return err
		},
		"another clientset": func(t *testing.T, c *collector) error {
			client, err := kubernetes.NewForConfig(c.config)
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.CoreV1().Pods("a").Watch(t.Context(), metav1.ListOptions{})
			return err
		},
		"dynamic": func(t *testing.T, c *collector) error {
			client, err := dynamic.NewForConfig(c.config)
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace("a").
				Patch(t.Context(), "b", types.MergePatchType, []byte(`{}`), metav1.PatchOptions{})
			return err
		},
		"discovery": func(t *testing.T, c *collector) error {
			client, err := discovery.NewDiscoveryClientForConfig(c.config)
			if err != nil {
				t.Fatal(err)
			}
			return client.RESTClient().Put().AbsPath("/version").Do(t.Context()).Error()
		},
		"fresh connections": func(t *testing.T, c *collector) error {
			client, err := c.freshClient()
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Post(server.URL+"/api/v1/namespaces", "application/json", strings.NewReader("{}"))
			return err
		},
		"streams": func(t *testing.T, c *collector) error {
			_, err := c.http.Post(server.URL+"/api/v1/namespaces", "application/json", strings.NewReader("{}"))
			return err
		},
		"a wrapper of the kubeconfig": func(t *testing.T, c *collector) error {
			return c.rest.Get().AbsPath("/version").SetHeader("X-Evil", "1").Do(t.Context()).Error()
		},
	}
	for name, request := range clients {
		c, err := newCollector(Options{Config: config})
		if err != nil {
			t.Fatal(err)
		}
		if err := request(t, c); !errors.Is(err, errRefused) {
			t.Errorf("%s: got %v", name, err)
		}
		if !errors.Is(c.broken.get(), errRefused) {
			t.Errorf("%s: the refusal was not kept", name)
		}
	}
	if len(sent) > 0 {
		t.Errorf("sent: %v", sent)
	}
}

// Redirects are not followed: credentials would go with them.
func TestNoRedirects(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed") }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer server.Close()
	_, _, err := Run(t.Context(), Options{Config: &rest.Config{Host: server.URL, BearerToken: "x"}})
	want := &UnreachableError{Server: server.URL, Problem: "what answers is not a Kubernetes API server (HTTP status 302: a web page)", Hint: hintServer}
	var got *UnreachableError
	if !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	got.Err = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPlainPath(t *testing.T) {
	for path, want := range map[string]bool{
		"/": true, "/a/b": true, "/a/b/": true, "/a/https:b:443/c": true, "/a/%61": true,
		"": false, "a": false, "//a": false, "/a//b": false, "/a/../b": false, "/a/.": false, "/a%2fb": false, "/%2E%2e/a": false,
	} {
		if plainPath(path) != want {
			t.Errorf("%s: want %t", path, want)
		}
	}
}
