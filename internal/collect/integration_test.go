package collect_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

var on, off = true, false

// fakes are nodes whose kubelets answer in every way there is; what is told of each is in wantNodes.
var fakes = []cluster.FakeNode{
	{Name: "v27", Version: "1.27"},
	{Name: "v28-off", Version: "1.28", SidecarContainers: &off},
	{Name: "v28-on", Version: "1.28", SidecarContainers: &on},
	{Name: "v32-off", Version: "v1.32.1-eks-5e0fdde", SidecarContainers: &off},
	{Name: "v32-on", Version: "1.32", SidecarContainers: &on},
	{Name: "v36", Version: "1.36"},
	{Name: "drip", Version: "1.32", Metrics: cluster.Drip},
	{Name: "empty", Version: "1.32", Metrics: cluster.Empty, SidecarContainers: &off},
	{Name: "endless", Version: "1.32", Metrics: cluster.Endless},
	{Name: "forbidden", Version: "1.32", Metrics: cluster.Forbidden},
	{Name: "garbage", Version: "1.28", Metrics: cluster.Garbage},
	{Name: "hang", Version: "1.32", Metrics: cluster.Hang},
	{Name: "hang-midway", Version: "1.32", Metrics: cluster.HangMidway},
	{Name: "neither", Version: "1.32", Metrics: cluster.NotFound, Configz: cluster.NotFound},
	{Name: "no-address", Version: "1.32", Metrics: cluster.NoAddress},
	{Name: "not-found", Version: "1.32", Metrics: cluster.NotFound},
	{Name: "not-ready", Version: "1.32", NotReady: true},
	{Name: "refuse", Version: "1.32", Metrics: cluster.Refuse},
	{Name: "server-error", Version: "1.32", Metrics: cluster.ServerError},
	{Name: "truncated", Version: "1.32", Metrics: cluster.Truncated},
	{Name: "unauthorized", Version: "1.32", Metrics: cluster.Unauthorized},
	{Name: "virtual", Version: "1.32", Metrics: cluster.Hang, Labels: map[string]string{"type": "virtual-kubelet"}},
}

// wantNodes is what is told of the nodes that are asked: the reading, or the gap.
var wantNodes = map[string]string{
	"v28-off":   `metrics: kubernetes_feature_enabled{name="SidecarContainers",stage="ALPHA"} 0`,
	"v28-on":    `metrics: kubernetes_feature_enabled{name="SidecarContainers",stage="ALPHA"} 1`,
	"v32-off":   `metrics: kubernetes_feature_enabled{name="SidecarContainers",stage="BETA"} 0`,
	"v32-on":    `metrics: kubernetes_feature_enabled{name="SidecarContainers",stage="BETA"} 1`,
	"empty":     `configz: configz: featureGates {SidecarContainers=false}: SidecarContainers: false is set`,
	"garbage":   `configz: configz: featureGates {}: SidecarContainers is not set, the default of v1.28.0 is false`,
	"not-found": `configz: configz: featureGates {}: SidecarContainers is not set, the default of v1.32.0 is true`,

	"drip":         "gap: the kubelet did not answer in time",
	"endless":      "gap: the kubelet did not answer in time",
	"forbidden":    "gap: the kubelet forbids it to the API server; this is not about your rights: HTTP status 403: Forbidden",
	"hang":         "gap: the kubelet did not answer in time",
	"hang-midway":  "gap: the kubelet did not answer in time",
	"neither":      "gap: the kubelet serves neither metrics nor its configuration: HTTP status 404: Not Found; and configz: HTTP status 404: Not Found",
	"no-address":   "gap: the API server has no address for the kubelet: no preferred addresses found; known addresses: []",
	"not-ready":    "gap: the node is not ready since TIME (KubeletNotReady): container runtime is down",
	"refuse":       "gap: the API server cannot reach the kubelet: error trying to reach service: dial tcp ADDRESS: connect: connection refused",
	"server-error": "gap: HTTP status 500: Internal Server Error",
	"truncated":    "gap: the page broke off: stream error: stream ID N; INTERNAL_ERROR; received from peer",
	"unauthorized": "gap: the kubelet does not accept the API server's client certificate; this is not about your login: HTTP status 401: Unauthorized",
}

var varying = []struct {
	text *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIME"},
	{regexp.MustCompile(`\d+\.\d+\.\d+\.\d+:\d+`), "ADDRESS"},
	{regexp.MustCompile(`stream ID \d+`), "stream ID N"},
}

func constant(s string) string {
	for _, v := range varying {
		s = v.text.ReplaceAllString(s, v.name)
	}
	return s
}

// nodesTold is what a snapshot says of each kubelet.
func nodesTold(s *facts.Snapshot) map[string]string {
	out := map[string]string{}
	for _, r := range s.Kubelets {
		out[r.Instance] = string(r.Source) + ": " + r.Evidence
	}
	for _, g := range s.Gaps {
		if name, ok := strings.CutPrefix(g.Scope, "node/"); ok && g.Kind == facts.Kubelets {
			out[name] = "gap: " + constant(g.Reason)
		}
	}
	return out
}

// options are those of every run here.
func options(config *rest.Config) collect.Options {
	return collect.Options{Config: config, Tool: "integration-test", RequestTimeout: 5 * time.Second}
}

// gapsBut are the gaps, "kind scope: reason", that are not about single kubelets.
func gapsBut(s *facts.Snapshot) []string {
	var out []string
	for _, g := range s.Gaps {
		if g.Remedy == "" {
			out = append(out, "no remedy: "+g.Reason)
		}
		if !strings.HasPrefix(g.Scope, "node/") {
			out = append(out, fmt.Sprintf("%s %s: %s", g.Kind, g.Scope, constant(g.Reason)))
		}
	}
	return out
}

// Two API servers that disagree, behind a load balancer, and every kind of kubelet; seen by an
// administrator, by somebody with the rights of a role that Rules makes, and by a viewer. The audit
// log and the objects show that nothing was changed.
func TestOnRealAPIServers(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: real API servers were not started")
	}
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{
			{Version: "1.32"}, {Version: "1.32", FeatureGates: map[string]bool{facts.SidecarContainers: false}},
		},
		Balancer: cluster.RoundRobin, Audit: auditv1.LevelMetadata, FakeNodes: fakes,
	})
	registered(t, c)
	before := objects(t, c)
	t.Run("administrator", func(t *testing.T) { asAdministrator(t, c) })
	t.Run("exactly the rules", func(t *testing.T) { withTheRules(t, c) })
	t.Run("viewer", func(t *testing.T) { asViewer(t, c) })
	t.Run("one of two API servers", func(t *testing.T) { atOneAPIServer(t, c) })
	t.Run("many nodes", func(t *testing.T) { manyNodes(t, c) })
	t.Run("audit log", func(t *testing.T) { auditLog(t, c) })
	after := objects(t, c)
	maps.DeleteFunc(after, func(key, _ string) bool { return strings.Contains(key, "many-") })
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("objects changed: (-before +after)\n%s", diff)
	}
}

// registered waits until both API servers have put their address behind the kubernetes Service, for
// good: of two that start at the same time, one may take the other's away again, until they look after
// it ten seconds later.
func registered(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	var since time.Time
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		slice, err := c.Client().DiscoveryV1().EndpointSlices("default").Get(t.Context(), "kubernetes", metav1.GetOptions{})
		switch {
		case err != nil || len(slice.Endpoints) != len(c.APIServers):
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > 2*time.Second:
			return
		}
	}
	t.Fatal("the API servers did not register")
}

func asAdministrator(t *testing.T, c *cluster.Cluster) {
	s, _, err := collect.Run(t.Context(), options(c.Config()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantNodes, nodesTold(s)); diff != "" {
		t.Errorf("nodes: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string(nil), gapsBut(s)); diff != "" {
		t.Errorf("gaps: (-want +got)\n%s", diff)
	}
	gates := apiServers(s)
	slices.Sort(gates)
	if diff := cmp.Diff([]string{"v1.32.2 false metrics", "v1.32.2 true metrics"}, gates); diff != "" {
		t.Errorf("API servers: (-want +got)\n%s", diff)
	}
	if len(s.Nodes) != len(fakes) || len(s.APIServerLeases) != 2 || len(s.APIServerEndpoints) != 2 || len(s.Namespaces) < 4 || len(s.Canaries) == 0 {
		t.Errorf("%d nodes, %d leases, endpoints %v, %d namespaces, %d canaries", len(s.Nodes), len(s.APIServerLeases), s.APIServerEndpoints, len(s.Namespaces), len(s.Canaries))
	}
}

// apiServers is "version gate source" of each.
func apiServers(s *facts.Snapshot) []string {
	var out []string
	for _, a := range s.APIServers {
		gate := "not listed"
		if a.Reading.Enabled != nil {
			gate = fmt.Sprint(*a.Reading.Enabled)
		}
		out = append(out, fmt.Sprintf("%s %s %s", a.Version, gate, a.Reading.Source))
	}
	return out
}

// withTheRules grants what Rules says, where it says, and nothing else.
func withTheRules(t *testing.T, c *cluster.Cluster) {
	const user = "ruled"
	for i, r := range collect.Rules(nil) {
		name := fmt.Sprintf("%s-%d", user, i)
		meta := metav1.ObjectMeta{Name: name, Namespace: r.Namespace}
		subjects := []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}}
		client := c.Client().RbacV1()
		var err, bindErr error
		if r.Namespace == "" {
			_, err = client.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{r.PolicyRule}}, metav1.CreateOptions{})
			_, bindErr = client.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects,
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}}, metav1.CreateOptions{})
		} else {
			_, err = client.Roles(r.Namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{r.PolicyRule}}, metav1.CreateOptions{})
			_, bindErr = client.RoleBindings(r.Namespace).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects,
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}}, metav1.CreateOptions{})
		}
		if err != nil || bindErr != nil {
			t.Fatal(err, bindErr)
		}
	}
	config, err := c.UserConfig(user)
	if err != nil {
		t.Fatal(err)
	}
	s := eventually(t, config, func(s *facts.Snapshot) bool { return len(gapsBut(s)) == 0 })
	if diff := cmp.Diff([]string(nil), gapsBut(s)); diff != "" {
		t.Errorf("gaps: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(wantNodes, nodesTold(s)); diff != "" {
		t.Errorf("nodes: (-want +got)\n%s", diff)
	}
	if len(s.APIServers) != 2 {
		t.Errorf("%d API servers", len(s.APIServers))
	}
}

// eventually runs until the API servers know the new roles.
func eventually(t *testing.T, config *rest.Config, done func(*facts.Snapshot) bool) *facts.Snapshot {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Minute); ; {
		s, _ := run(t, options(config))
		if done(s) || time.Now().After(deadline) {
			return s
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// basic are the kinds that build on nothing but the API.
var basic = []facts.Kind{facts.APIServers, facts.ControlPlane, facts.Nodes, facts.Kubelets, facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies}

// asViewer has what the built-in role view gives, which a controller makes from this one.
func asViewer(t *testing.T, c *cluster.Cluster) {
	const user = "viewer"
	_, err := c.Client().RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user}, Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:aggregate-to-view"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config, err := c.UserConfig(user)
	if err != nil {
		t.Fatal(err)
	}
	s := eventually(t, config, func(s *facts.Snapshot) bool { return len(s.Namespaces) > 0 && s.APIServerEndpoints != nil })
	var got []string
	for _, g := range s.Gaps {
		rule, _ := strings.CutPrefix(g.Remedy[strings.LastIndex(g.Remedy, ": {")+1:], " ")
		got = append(got, fmt.Sprintf("%s %s: %s | %s", g.Kind, g.Scope, g.Reason, rule))
	}
	want := []string{
		`apiservers apiserver/gate: you are not allowed to create podtemplates in namespace default | {apiGroups: [""], resources: ["podtemplates"], verbs: ["create"]} in namespace default`,
		`apiservers apiserver/leases: you are not allowed to list leases.coordination.k8s.io in namespace kube-system | {apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["list"]} in namespace kube-system`,
		`apiservers apiserver/metrics: you are not allowed to get /metrics | {nonResourceURLs: ["/metrics"], verbs: ["get"]}`,
		`nodes : you are not allowed to list nodes | {apiGroups: [""], resources: ["nodes"], verbs: ["list"]}`,
		`kubelets : without the nodes there are no kubelets to ask | {apiGroups: [""], resources: ["nodes"], verbs: ["list"]}`,
		`mutatingwebhookconfigurations : you are not allowed to list mutatingwebhookconfigurations.admissionregistration.k8s.io | {apiGroups: ["admissionregistration.k8s.io"], resources: ["mutatingwebhookconfigurations"], verbs: ["list"]}`,
	}
	got = slices.DeleteFunc(got, func(g string) bool {
		return !slices.ContainsFunc(basic, func(k facts.Kind) bool { return strings.HasPrefix(g, string(k)+" ") })
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("gaps: (-want +got)\n%s", diff)
	}
	if len(s.Canaries) > 0 || !s.Has(facts.Canaries) || len(s.GapsOf(facts.Canaries, "*")) == 0 {
		t.Errorf("canaries: %v, gaps %v", s.Canaries, s.GapsOf(facts.Canaries, "*"))
	}
}

// atOneAPIServer never meets the other one, and says how to.
func atOneAPIServer(t *testing.T, c *cluster.Cluster) {
	o := options(c.APIServers[1].Config())
	o.Kinds = []facts.Kind{facts.APIServers}
	s, _, err := collect.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"v1.32.2 false metrics"}, apiServers(s)); diff != "" {
		t.Errorf("API servers: (-want +got)\n%s", diff)
	}
	if len(s.Gaps) != 1 || s.Gaps[0].Scope != facts.ScopeUnseen || !strings.HasPrefix(s.Gaps[0].Reason, "1 of 2 API servers answered over 16 connections to https://") {
		t.Fatalf("gaps: %+v", s.Gaps)
	}
	for _, server := range c.APIServers {
		if address := strings.TrimPrefix(server.Endpoint, "https://"); !strings.Contains(s.Gaps[0].Remedy, address) {
			t.Errorf("the remedy does not name %s: %s", address, s.Gaps[0].Remedy)
		}
	}
	// What the remedy says works.
	direct := c.APIServers[0].Config()
	direct.ServerName = "kubernetes.default.svc"
	o.Config = direct
	if s, _, err = collect.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"v1.32.2 true metrics"}, apiServers(s)); diff != "" {
		t.Errorf("the other API server: (-want +got)\n%s", diff)
	}
}

// manyNodes reads more nodes than fit a page, all from one kubelet.
func manyNodes(t *testing.T, c *cluster.Cluster) {
	const many = 520
	var nodes []cluster.FakeNode
	for i := range many {
		nodes = append(nodes, cluster.FakeNode{Name: fmt.Sprintf("many-%04d", i), Version: "1.32"})
	}
	if err := c.AddFakeNodes(t.Context(), nodes...); err != nil {
		t.Fatal(err)
	}
	o := options(c.APIServers[0].Config())
	o.Kinds = []facts.Kind{facts.Kubelets}
	o.Timeout = 5 * time.Minute // the machine may be busy with other tests
	start := time.Now()
	s, ledger, err := collect.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var bytes int64
	for _, r := range ledger.Requests() {
		bytes += r.Bytes
	}
	t.Logf("%d nodes in %v, %d requests, %d MB of text", len(s.Nodes), time.Since(start), len(ledger.Requests()), bytes>>20)
	if got := len(s.Kubelets) + len(s.GapsOf(facts.Kubelets, "*")); len(s.Nodes) != many+len(fakes) || got != many+len(wantNodes) {
		t.Errorf("%d nodes, %d kubelets or gaps", len(s.Nodes), got)
	}
}
