package collect

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

const (
	getMetrics = "GET /api/v1/nodes/n/proxy/metrics"
	getConfigz = "GET /api/v1/nodes/n/proxy/configz"
	raw        = "kubectl get --raw /api/v1/nodes/n/proxy/metrics"
)

func kubeletGap(node, reason, remedy string, command ...string) *facts.Gap {
	g := facts.NewGap(facts.Kubelets, facts.Instance{}, reason, facts.Do(remedy, command...))
	if node != "" {
		g.Scope, g.Instance = "node/"+node, facts.NodeInstance(node)
	}
	return &g
}

// Each way in which one kubelet can fail is one gap with its own words, or another source.
func TestOneKubelet(t *testing.T) {
	off := recorded(t, "metrics-1.28-off.txt.gz")
	byConfigz := func(enabled bool, stage, evidence string) *facts.FeatureReading {
		return &facts.FeatureReading{Component: "kubelet", Instance: "n", Enabled: &enabled, Stage: stage, Source: facts.SourceConfigz, Evidence: evidence}
	}
	const garbage, noDebug = "the answer is not a metrics page", "404 page not found\n"
	closed := "the kubelet serves neither metrics nor its configuration: HTTP status 404: 404 page not found; and configz: HTTP status 404: 404 page not found"
	for _, test := range []struct {
		name             string
		version          string
		metrics, configz http.HandlerFunc
		want             *facts.FeatureReading
		gap              *facts.Gap
	}{
		{"metrics", "v1.28.15", paging(off), nil, &facts.FeatureReading{Component: "kubelet", Instance: "n", Enabled: &no, Stage: "ALPHA",
			Source: facts.SourceMetrics, Evidence: `kubernetes_feature_enabled{name="SidecarContainers",stage="ALPHA"} 0`}, nil},
		{"no metrics, default on", "v1.29.0", plain(404, noDebug), plain(200, `{"kubeletconfig":{"port":10250}}`),
			byConfigz(true, "BETA", "configz: featureGates {}: SidecarContainers is not set, the default of v1.29.0 is true"), nil},
		{"no metrics, default off", "v1.28.1-gke.5", plain(404, noDebug), plain(200, `{"kubeletconfig":{"featureGates":{"AllBeta":true}}}`),
			byConfigz(false, "ALPHA", "configz: featureGates {AllBeta=true}: SidecarContainers is not set, the default of v1.28.1-gke.5 is false"), nil},
		{"garbage, all alpha", "v1.28.1", plain(200, "<html>"), plain(200, `{"kubeletconfig":{"featureGates":{"AllAlpha":true}}}`),
			byConfigz(true, "ALPHA", "configz: featureGates {AllAlpha=true}: AllAlpha: true is set"), nil},
		{"not listed, all beta off", "v1.30.1", paging("# TYPE a gauge\na 1\n"), plain(200, `{"kubeletconfig":{"featureGates":{"AllBeta":false}}}`),
			byConfigz(false, "BETA", "configz: featureGates {AllBeta=false}: AllBeta: false is set"), nil},
		{"set explicitly, which wins", "v1.32.1", plain(404, noDebug), plain(200, `{"kubeletconfig":{"featureGates":{"SidecarContainers":true,"AllBeta":false}}}`),
			byConfigz(true, "BETA", "configz: featureGates {AllBeta=false,SidecarContainers=true}: SidecarContainers: true is set"), nil},
		{"neither page", "v1.30.1", plain(404, noDebug), plain(404, noDebug), nil,
			kubeletGap("n", closed, "set enableDebuggingHandlers: true in the KubeletConfiguration, which configz needs")},
		{"configz is garbage", "v1.30.1", plain(200, "x"), plain(200, "x"), nil,
			kubeletGap("n", garbage+"; and configz: read it: invalid character 'x' looking for beginning of value", "see what the kubelet answers:", raw)},
		{"configz is something else", "v1.30.1", plain(200, "x"), plain(200, "{}"), nil,
			kubeletGap("n", garbage+"; and configz: it is not a kubelet's configuration", "see what the kubelet answers:", raw)},
		{"an unreadable version, no guess", "custom", plain(404, noDebug), plain(200, `{"kubeletconfig":{}}`), nil,
			kubeletGap("n", `the kubelet serves neither metrics nor its configuration: HTTP status 404: 404 page not found; and configz: it does not tell the default of version "custom"`,
				"set enableDebuggingHandlers: true in the KubeletConfiguration, which configz needs")},
		{"401 of the kubelet", "v1.30.1", plain(401, "Unauthorized"), nil, nil,
			kubeletGap("n", "the kubelet does not accept the API server's client certificate; this is not about your login: HTTP status 401: Unauthorized",
				"give the kubelet the CA of the API server's kubelet client certificate (authentication.x509.clientCAFile)")},
		{"401 of the API server", "v1.30.1", refusing(401, "Unauthorized", "Unauthorized"), nil, nil,
			kubeletGap("n", "the API server no longer accepts your credentials: Unauthorized", "log in again, then run again")},
		{"403 of the kubelet", "v1.30.1", plain(403, "Forbidden (user=kube, verb=get, resource=nodes, subresource(s)=[metrics])"), nil, nil,
			kubeletGap("n", "the kubelet forbids it to the API server; this is not about your rights: HTTP status 403: Forbidden (user=kube, verb=get, resource=nodes, subresource(s)=[metrics])",
				"bind the user of the API server's kubelet client certificate to the ClusterRole system:kubelet-api-admin")},
		{"403 of the API server", "v1.30.1", refusing(403, "Forbidden", `nodes "n" is forbidden: User "u" cannot get resource "nodes/proxy" in API group "" at the cluster scope`), nil, nil,
			kubeletGap("", `you are not allowed to get nodes/proxy, without which these kubelets do not say what their gate is: n: nodes "n" is forbidden: User "u" cannot get resource "nodes/proxy" in API group "" at the cluster scope`,
				`read them directly, which needs less: --kubelets direct; or allow get on nodes/proxy (the whole role: kubectl sidecar rbac): {apiGroups: [""], resources: ["nodes/proxy"], verbs: ["get"]}`)},
		{"the node is gone", "v1.30.1", refusing(404, "NotFound", `nodes "n" not found`), refusing(404, "NotFound", `nodes "n" not found`), nil,
			kubeletGap("n", `nodes "n" not found; and configz: nodes "n" not found`, "the node may be gone; run again")},
		{"unreachable", "v1.30.1", refusing(503, "ServiceUnavailable", "error trying to reach service: dial tcp 192.0.2.2:10250: connect: connection refused"), nil, nil,
			kubeletGap("n", "the API server cannot reach the kubelet: error trying to reach service: dial tcp 192.0.2.2:10250: connect: connection refused",
				"open the way from the control plane to the kubelet's port (10250): firewall, security group, konnectivity; run again once this succeeds:", raw)},
		{"no address", "v1.30.1", refusing(500, "InternalError", "no preferred addresses found; known addresses: []"), nil, nil,
			kubeletGap("n", "the API server has no address for the kubelet: no preferred addresses found; known addresses: []", "see status.addresses:", "kubectl get node n -o yaml")},
		{"an error of the kubelet", "v1.30.1", plain(500, "collected before with the same name\nand labels"), nil, nil,
			kubeletGap("n", "HTTP status 500: collected before with the same name and labels", "run again once this succeeds:", raw)},
		{"no answer", "v1.30.1", hang(), nil, nil,
			kubeletGap("n", "the kubelet did not answer in time", "give each request more time: --request-timeout 30s")},
		{"cut off", "v1.30.1", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			page(w, off[:1000])
		}, nil, nil, kubeletGap("n", "the page broke off: unexpected EOF", "run again once this succeeds:", raw)},
		{"a busy API server that recovers", "v1.28.15", func() http.HandlerFunc {
			var n atomic.Int32
			return func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1) == 1 {
					w.Header().Set("Retry-After", "0")
					status(w, 429, "TooManyRequests", "busy")
					return
				}
				page(w, off)
			}
		}(), nil, &facts.FeatureReading{Component: "kubelet", Instance: "n", Enabled: &no, Stage: "ALPHA",
			Source: facts.SourceMetrics, Evidence: `kubernetes_feature_enabled{name="SidecarContainers",stage="ALPHA"} 0`}, nil},
		{"a busy API server", "v1.28.15", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "0")
			status(w, 429, "TooManyRequests", "busy")
		}, nil, nil, kubeletGap("n", "the API server is too busy: busy", "run again with less at once: --concurrency 4")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeAPI(t)
			f.nodes = []corev1.Node{readyNode("n", test.version)}
			f.handlers[getMetrics] = test.metrics
			if test.configz != nil {
				f.handlers[getConfigz] = test.configz
			}
			o := f.options(facts.Kubelets)
			o.RequestTimeout = 2 * time.Second // what answers does so in time, on any machine
			s := collectFrom(t, o)
			var want facts.Snapshot
			if test.want != nil {
				want.Kubelets = []facts.FeatureReading{*test.want}
			}
			if test.gap != nil {
				want.Gaps = []facts.Gap{*test.gap}
			}
			if diff := cmp.Diff(want, facts.Snapshot{Kubelets: s.Kubelets, Gaps: s.Gaps}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Which nodes are asked, and what is said of those that are not.
func TestWhichKubelets(t *testing.T) {
	notReady := readyNode("not-ready", "v1.29.0")
	notReady.Status.Conditions[0] = corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", Message: "Kubelet stopped posting node status.",
		LastTransitionTime: metav1.NewTime(time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)),
	}
	silent := readyNode("silent", "v1.29.0")
	silent.Status.Conditions = nil
	virtual := readyNode("virtual", "v1.29.0")
	virtual.Labels = map[string]string{"type": "virtual-kubelet"}
	nodes := []corev1.Node{readyNode("old", "v1.27.9"), readyNode("open", "v1.29.0-eks-5e0fdde"), readyNode("new", "v1.33.0"), notReady, silent, virtual}
	unready := []facts.Gap{
		*kubeletGap("not-ready", "the node is not ready since 2026-01-02T03:00:00Z (NodeStatusUnknown): Kubelet stopped posting node status.",
			"run again when the node is ready; if it is gone for good:", "kubectl delete node not-ready"),
		*kubeletGap("silent", "the node has no Ready condition: its kubelet has not reported yet",
			"run again when the node is ready; if it is gone for good:", "kubectl delete node silent"),
	}
	const proxyRule = `{apiGroups: [""], resources: ["nodes/proxy"], verbs: ["get"]}`
	for _, test := range []struct {
		name   string
		scrape ScrapeMode
		nodes  []corev1.Node
		denied map[string]string
		asked  string
		gaps   []facts.Gap
	}{
		{"auto", "", nodes, nil, "open", unready},
		{"all", ScrapeAll, nodes, nil, "new old open", unready},
		{"none", ScrapeNone, nodes, nil, "", []facts.Gap{*kubeletGap("", "not asked, because of --scrape none: open, not-ready, silent", "run with --scrape auto")}},
		{"none, but the versions decide", ScrapeNone, []corev1.Node{nodes[0], nodes[2], virtual}, nil, "", nil},
		{"auto, no right, but the versions decide", "", []corev1.Node{nodes[0], nodes[2]}, map[string]string{proxyRule: ""}, "", nil},
		{"auto, no right", "", append(nodes[:2:2], readyNode("open2", "v1.30.0"), readyNode("open3", "v1.30.0"), readyNode("open4", "v1.30.0")), map[string]string{proxyRule: "no RBAC policy matched"}, "", []facts.Gap{
			*kubeletGap("", "you are not allowed to get nodes/proxy, without which these kubelets do not say what their gate is: open, open2, open3 and 1 more: no RBAC policy matched",
				"read them directly, which needs less: --kubelets direct; or allow get on nodes/proxy (the whole role: kubectl sidecar rbac): "+proxyRule)}},
	} {
		f := newFakeAPI(t)
		f.nodes, f.denied = test.nodes, test.denied
		for _, n := range test.nodes {
			f.handlers["GET /api/v1/nodes/"+n.Name+"/proxy/metrics"] = paging(`# TYPE kubernetes_feature_enabled gauge
kubernetes_feature_enabled{name="SidecarContainers",stage="BETA"} 1
`)
		}
		o := f.options(facts.Kubelets)
		o.Scrape = test.scrape
		s := collectFrom(t, o)
		var asked []string
		for _, r := range s.Kubelets {
			asked = append(asked, r.Instance)
		}
		if got := strings.Join(asked, " "); got != test.asked {
			t.Errorf("%s: asked %q, want %q", test.name, got, test.asked)
		}
		if diff := cmp.Diff(test.gaps, s.Gaps); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
	}
}

// A right that is refused although the review allowed it costs one gap and no more requests than
// there are workers.
func TestProxyRefusedOnce(t *testing.T) {
	f := newFakeAPI(t)
	var asked atomic.Int32
	for i := range 100 {
		n := readyNode(fmt.Sprintf("n-%02d", i), "v1.30.0")
		f.nodes = append(f.nodes, n)
		f.handlers["GET /api/v1/nodes/"+n.Name+"/proxy/metrics"] = func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			status(w, 403, "Forbidden", `nodes "x" is forbidden: cannot get resource "nodes/proxy"`)
		}
	}
	o := f.options(facts.Kubelets)
	o.Concurrency = 4
	s := collectFrom(t, o)
	want := []facts.Gap{*kubeletGap("", `you are not allowed to get nodes/proxy, without which these kubelets do not say what their gate is: n-00, n-01, n-02 and 97 more: nodes "x" is forbidden: cannot get resource "nodes/proxy"`, "read them directly, which needs less: --kubelets direct; or "+readKubelets.remedy().Text)}
	if diff := cmp.Diff(want, s.Gaps); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := asked.Load(); n > 4 {
		t.Errorf("%d requests", n)
	}
}

// A run that is interrupted returns what it has, and says of every other node that it was not read.
func TestInterrupted(t *testing.T) {
	for _, test := range []struct {
		name string
		stop func(*Options, context.CancelFunc)
		gap  [2]string
	}{
		{"by the user", func(_ *Options, cancel context.CancelFunc) { time.AfterFunc(300*time.Millisecond, cancel) },
			[2]string{"interrupted before this was read", "run again and let it finish"}},
		{"by the clock", func(o *Options, _ context.CancelFunc) { o.Timeout = 300 * time.Millisecond },
			[2]string{"the time for the run was over before this was read", "give the run more time: --timeout 5m"}},
	} {
		f := newFakeAPI(t)
		var want []facts.Gap
		for i := range 5 {
			n := readyNode(fmt.Sprintf("n-%d", i), "v1.30.0")
			f.nodes = append(f.nodes, n)
			handler := hang()
			if i == 0 {
				handler = paging("# TYPE kubernetes_feature_enabled gauge\nkubernetes_feature_enabled{name=\"SidecarContainers\",stage=\"BETA\"} 1\n")
			} else {
				want = append(want, *kubeletGap(n.Name, test.gap[0], test.gap[1]))
			}
			f.handlers["GET /api/v1/nodes/"+n.Name+"/proxy/metrics"] = handler
		}
		o := f.options(facts.Kubelets)
		o.Concurrency, o.RequestTimeout = 2, time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		test.stop(&o, cancel)
		start := time.Now()
		s, _, err := Run(ctx, o)
		cancel()
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s: took %v", test.name, took)
		}
		if diff := cmp.Diff(want, s.Gaps); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
		if len(s.Kubelets) != 1 || len(s.Nodes) != 5 || !s.Has(facts.Kubelets) {
			t.Errorf("%s: %d kubelets, %d nodes, seen %v", test.name, len(s.Kubelets), len(s.Nodes), s.Seen)
		}
	}
}
