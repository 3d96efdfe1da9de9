package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func podOf(labels map[string]string, inits, regular []string) *corev1.Pod {
	always := corev1.ContainerRestartPolicyAlways
	out := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
	for _, name := range inits {
		out.Spec.InitContainers = append(out.Spec.InitContainers, corev1.Container{Name: name, RestartPolicy: &always})
	}
	for _, name := range regular {
		out.Spec.Containers = append(out.Spec.Containers, corev1.Container{Name: name})
	}
	return out
}

func single(name, template string) string {
	return "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + ", namespace: shop}\nspec: {template: {" + template + "spec: {containers: [{name: web, image: w}]}}}\n"
}

// TestInjected: what the canaries got and the template does not have is a sidecar to be switched, not to be moved.
func TestInjected(t *testing.T) {
	s := clusterOf("a v1.33.0")
	s.Classes = []facts.Class{
		{ID: "class-1", Namespaces: []string{"shop"}, Webhooks: []string{"mesh/inject", "other/add"}},
		{ID: "shape-1", Namespaces: []string{"shop"}, Webhooks: []string{"mesh/inject"}, Shape: &facts.Shape{Examples: []string{"Deployment shop/native"}}},
		{ID: "shape-2", Namespaces: []string{"shop"}, Shape: &facts.Shape{Labels: []string{"tier"}, Examples: []string{"Deployment shop/x"}}},
		{ID: "shape-3", Namespaces: []string{"shop"}, Webhooks: []string{"own/add"}, Shape: &facts.Shape{Labels: []string{"tier"}, Examples: []string{"Deployment shop/y"}}},
	}
	plain, front, back := podOf(nil, nil, []string{"main"}), podOf(map[string]string{"tier": "front"}, nil, []string{"main"}), podOf(map[string]string{"tier": "back"}, nil, []string{"main"})
	s.Canaries = []facts.Canary{
		{Class: "class-1", Namespace: "shop", Sent: plain, Returned: podOf(nil, nil, []string{"main", "istio-proxy", "shipper"})},
		{Class: "shape-1", Namespace: "shop", Sent: plain, Returned: podOf(nil, []string{"istio-proxy"}, []string{"main"})},
		{Class: "shape-2", Namespace: "shop", Sent: front, Returned: front},
		{Class: "shape-3", Namespace: "shop", Sent: back, Returned: podOf(nil, nil, []string{"main", "vault-agent", "daprd"})},
	}
	p, _ := planned(t, s, single("plain", "")+single("native", "")+single("front", "metadata: {labels: {tier: front}}, ")+single("back", "metadata: {labels: {tier: back}}, ")+
		single("out", "metadata: {labels: {sidecar.istio.io/inject: 'false'}}, ")+single("own-native", "metadata: {annotations: {sidecar.istio.io/nativeSidecar: 'true'}}, ")+deployment("both", ""))
	want := []string{
		"both: ready, injected istio-proxy Istio, shipper ",
		"back: blocked, injected daprd Dapr",
		"out: blocked, injected shipper ",
		"own-native: blocked, injected shipper ",
		"plain: blocked, injected istio-proxy Istio, shipper ",
	}
	if diff := cmp.Diff(want, injectedRows(p)); diff != "" || !p.Complete || p.ExitCode() != ExitToMove {
		t.Errorf("%s complete %v, exit %d", diff, p.Complete, p.ExitCode())
	}
	if b := p.Rows[len(p.Rows)-1].Blocks; len(b) != 2 || b[0].Kind != InjectorSetting || !strings.Contains(b[0].How, "ENABLE_NATIVE_SIDECARS") || b[1].How != "" {
		t.Errorf("%+v", b)
	}
}

// TestInjectedUnseen: where no canary tells, the template's own words do, and nothing is fine.
func TestInjectedUnseen(t *testing.T) {
	s := clusterOf("a v1.33.0")
	s.Canaries, s.Classes = nil, nil
	s.Gaps = []facts.Gap{{Kind: facts.Canaries}}
	p, _ := planned(t, s, single("asks", "metadata: {annotations: {dapr.io/enabled: 'true'}}, ")+single("plain", ""))
	if diff := cmp.Diff([]string{"asks: unknown, injected daprd Dapr"}, injectedRows(p)); diff != "" || p.Complete || p.ExitCode() != ExitUnknown {
		t.Errorf("%s complete %v, exit %d", diff, p.Complete, p.ExitCode())
	}
}

func injectedRows(p *Plan) []string {
	var out []string
	for _, r := range p.Rows {
		var names []string
		for _, i := range r.Injected {
			names = append(names, i.Name+" "+i.Software)
		}
		out = append(out, fmt.Sprintf("%s: %s, injected %s", r.Name, r.Status, strings.Join(names, ", ")))
	}
	return out
}

// TestOfSnapshot: a file's bare pods and ReplicaSets are planned, what a controller made is not, and what is not looked at
// is named.
func TestOfSnapshot(t *testing.T) {
	s := clusterOf("a v1.33.0")
	bare := podOf(nil, nil, []string{"work"})
	bare.Name, bare.Namespace = "bare", "shop"
	bare.Spec.Containers[0].Args = []string{"--db=localhost:5432"}
	bare.Spec.Containers = append(bare.Spec.Containers, corev1.Container{Name: "db", Image: "x/cloud-sql-proxy:2", Args: []string{"--port=5432", "p:r:i"}})
	done, owned := bare.DeepCopy(), bare.DeepCopy()
	done.Status.Phase = corev1.PodSucceeded
	controller := true
	owned.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "x", Controller: &controller}}
	s.Pods, s.Seen = []corev1.Pod{*bare, *done, *owned}, Kinds
	var set appsv1.ReplicaSet
	set.Name, set.Namespace, set.Spec.Template.Spec = "set", "shop", bare.Spec
	s.ReplicaSets = []appsv1.ReplicaSet{set}
	all := func(string, *metav1.ObjectMeta) bool { return true }
	var got []string
	p := OfSnapshot(s, "", nil, all)
	for _, r := range p.Rows {
		got = append(got, fmt.Sprintf("%s %s %s %s", r.Wave, r.Kind, r.Name, r.Delivery))
	}
	if diff := cmp.Diff([]string{"Jobs Pod bare replace", "Deployments ReplicaSet set new-pods"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{FileReferrers, PodsUnread, FileKinds}, p.Limits); diff != "" {
		t.Error(diff)
	}
	if p := OfSnapshot(s, "", []string{"Deployment"}, all); len(p.Limits) != 1 {
		t.Errorf("asked for by name: %q", p.Limits)
	}
}

// TestRefusedCanary: a row whose canary was refused is unknown, and says by whom it was refused.
func TestRefusedCanary(t *testing.T) {
	s := clusterOf("a v1.33.0")
	s.Classes = []facts.Class{{ID: "class-1", Namespaces: []string{"shop"}, Webhooks: []string{"mesh/inject"}}}
	s.Canaries = []facts.Canary{{Class: "class-1", Namespace: "shop", Sent: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}}, Refusal: &facts.Refusal{Code: 403, Reason: "Forbidden", Message: "pods is forbidden"}}}
	p, _ := planned(t, s, deployment("web", ""))
	want := []Block{{Kind: WebhookUnread, Open: true, Why: "the canary in namespace shop was refused: pods is forbidden"}}
	if diff := cmp.Diff(want, p.Rows[0].Blocks); diff != "" || p.Rows[0].Status != Unknown || p.ExitCode() != ExitUnknown {
		t.Errorf("status %s, exit %d\n%s", p.Rows[0].Status, p.ExitCode(), diff)
	}
}
