package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// clusterOf is a cluster with these nodes ("name version label"), whose API servers and webhooks are fine.
func clusterOf(nodes ...string) *facts.Snapshot {
	s := &facts.Snapshot{
		Seen: Kinds, ServerVersion: &version.Info{GitVersion: "v1.33.1", Major: "1", Minor: "33"},
		Namespaces: []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}},
		Classes:    []facts.Class{{ID: "class-1", Namespaces: []string{"shop"}}},
	}
	pod := &corev1.Pod{}
	s.Canaries = []facts.Canary{{Class: "class-1", Namespace: "shop", Sent: pod, Returned: pod}}
	for _, n := range nodes {
		words := strings.Fields(n)
		node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: words[0]}}
		node.Status.NodeInfo.KubeletVersion = words[1]
		if len(words) > 2 {
			node.Labels = map[string]string{"pool": words[2]}
		}
		s.Nodes = append(s.Nodes, node)
	}
	return s
}

// planned is the plan for manifests, one line for each workload.
func planned(t *testing.T, s *facts.Snapshot, manifests string) (*Plan, []string) {
	t.Helper()
	documents, err := workload.Parse("m", []byte(manifests))
	if err != nil {
		t.Fatal(err)
	}
	p := New("test")
	for _, d := range documents {
		for _, w := range d.Workloads {
			if w.Unreadable != nil {
				t.Fatal(w.Unreadable)
			}
			p.Add(w, &metav1.ObjectMeta{Labels: w.Labels, Annotations: w.Annotations, OwnerReferences: w.Owners()})
		}
	}
	out := p.Finish(s, nil)
	var lines []string
	for _, r := range out.Rows {
		l := fmt.Sprintf("%s %s: %s, %d nodes from %s", r.Wave, r.Name, r.Status, r.Nodes.Count, r.Nodes.Oldest)
		for _, b := range r.Blocks {
			l += fmt.Sprintf("; %s %s%s", b.Kind, strings.Join(b.Names, ","), map[bool]string{true: "?"}[b.Open])
		}
		lines = append(lines, l)
	}
	return out, lines
}

const twoContainers = `[{name: work, image: w, env: [{name: PGHOST, value: localhost}]}, {name: db, image: x/cloud-sql-proxy:2, args: [--port=5432, p:r:i]}]`

func deployment(name, more string) string {
	return "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + ", namespace: shop}\nspec: {template: {spec: {" + more + "containers: " + twoContainers + "}}}\n"
}

func TestPlan(t *testing.T) {
	manifests := deployment("anywhere", "") + deployment("new", "nodeSelector: {pool: new}, ") +
		"---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly, namespace: shop}\nspec: {jobTemplate: {spec: {template: {spec: {nodeSelector: {pool: new}, restartPolicy: Never, containers: [{name: work, image: w}, {name: link, image: l, ports: [{containerPort: 1}]}]}}}}}\n" +
		"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: single, namespace: shop}\nspec: {template: {spec: {containers: [{name: a, image: a}]}}}\n" +
		"---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: roll, namespace: shop}\nspec: {template: {spec: {nodeSelector: {pool: new}, containers: " + twoContainers + "}}}\n"
	s := clusterOf("a v1.32.0 new", "b v1.27.1 old")
	s.CustomResourceDefinitions = []facts.CRD{{Name: "rollouts.argoproj.io", Group: "argoproj.io", Kind: "Rollout", Versions: []facts.CRDVersion{{Name: "v1alpha1", Served: true, Prunes: []string{"spec.template.spec.initContainers"}}}}}
	s.APIServers = []facts.APIServer{{Version: "v1.33.1"}}
	p, got := planned(t, s, manifests)
	want := []string{
		"CronJobs nightly: ask, 1 nodes from v1.32.0",
		"Deployments new: ready, 1 nodes from v1.32.0",
		"blocked anywhere: blocked, 2 nodes from v1.27.1; old-nodes b",
		"blocked roll: blocked, 1 nodes from v1.32.0; schema-prunes rollouts.argoproj.io",
	}
	if diff := cmp.Diff(want, got); diff != "" || p.Looked != 5 || p.ExitCode() != ExitToMove {
		t.Errorf("%s%d looked at, exit %d", diff, p.Looked, p.ExitCode())
	}
}

// TestUnread: what was not read is unknown, never fine.
func TestUnread(t *testing.T) {
	p, got := planned(t, &facts.Snapshot{}, deployment("web", ""))
	if len(got) != 1 || p.Rows[0].Status != Unknown || p.ExitCode() != ExitUnknown {
		t.Errorf("%q, exit %d", got, p.ExitCode())
	}
	if empty := OfSnapshot(&facts.Snapshot{}, "", nil, func(string, *metav1.ObjectMeta) bool { return true }); empty.ExitCode() != ExitUnknown || len(empty.Gaps) == 0 {
		t.Errorf("a file without workloads: exit %d, gaps %v", empty.ExitCode(), empty.Gaps)
	}
	s := clusterOf("a v1.32.0")
	if p, _ := planned(t, s, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {containers: [{name: a}]}}}"); p.ExitCode() != ExitNothing {
		t.Errorf("nothing to move: exit %d", p.ExitCode())
	}
}

func TestOwners(t *testing.T) {
	for _, test := range []struct{ labels, annotations, want string }{
		{"", "meta.helm.sh/release-name: web", "Helm web"},
		{"app.kubernetes.io/managed-by: Helm, app.kubernetes.io/instance: shop", "", "Helm shop"},
		{"", "argocd.argoproj.io/tracking-id: 'site:apps/Deployment:shop/web'", "Argo CD site"},
		{"kustomize.toolkit.fluxcd.io/name: base, kustomize.toolkit.fluxcd.io/namespace: flux", "", "Flux Kustomization flux/base"},
		{"helm.toolkit.fluxcd.io/name: base, helm.toolkit.fluxcd.io/namespace: flux", "meta.helm.sh/release-name: base", "Flux HelmRelease flux/base"},
		{"a: b", "", ""},
	} {
		p, _ := planned(t, clusterOf(), "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x, namespace: shop, labels: {"+test.labels+"}, annotations: {"+test.annotations+"}}\nspec: {template: {spec: {containers: "+twoContainers+"}}}")
		got := ""
		if o := p.Rows[0].Owner; o != nil {
			got = o.Tool + " " + o.Name
		}
		if got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

func TestDelivery(t *testing.T) {
	for text, want := range map[string]Delivery{
		"kind: Job\nmetadata: {name: x}": Replace, "kind: Job\nmetadata: {name: x, annotations: {helm.sh/hook: pre-upgrade}}": NextRelease,
	} {
		p, _ := planned(t, clusterOf(), "apiVersion: batch/v1\n"+text+"\nspec: {template: {spec: {restartPolicy: Never, containers: "+twoContainers+"}}}")
		if got := p.Rows[0].Delivery; got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
