package rights

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// TestMinimalWorkloadRBAC is [TestMinimalRBAC] for the commands about workloads: plan, lint without files, and convert of
// live objects, in a cluster that has everything that they look at.
func TestMinimalWorkloadRBAC(t *testing.T) {
	w := newWorld(t)
	w.toMove(t)
	t.Run("plan", func(t *testing.T) { w.minimal(t, "plan", "proxy", lackOfPlan) })
	t.Run("lint", func(t *testing.T) { w.minimal(t, "lint", "", lackOfLint) })
	t.Run("convert", w.minimalConvert)
}

// toMove adds a workload whose sidecar has a named port, what may mean that, and kinds that are rarely used.
func (w *world) toMove(t *testing.T) {
	t.Helper()
	none, labels := metav1.CreateOptions{}, map[string]string{"app": "ledger"}
	pod := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{
		{Name: "work", Image: "work:1", Args: []string{"--db=127.0.0.1:5432"}},
		{Name: "db", Image: "mirror.example/cloud-sql-proxy:2", Args: []string{"--port=5432", "p:r:i"}, Ports: []corev1.ContainerPort{{Name: "metrics", ContainerPort: 9090}}},
	}}}
	core := w.Client().CoreV1()
	_, err := w.Client().AppsV1().Deployments("shop").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "ledger"}, Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: pod},
	}, none)
	check(t, err)
	_, err = core.ReplicationControllers("shop").Create(t.Context(), &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Name: "old"}, Spec: corev1.ReplicationControllerSpec{Selector: labels, Template: &pod},
	}, none)
	check(t, err)
	_, err = core.PodTemplates("shop").Create(t.Context(), &corev1.PodTemplate{ObjectMeta: metav1.ObjectMeta{Name: "stored"}, Template: pod}, none)
	check(t, err)
	_, err = core.Services("shop").Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "ledger"}, Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("metrics")}}},
	}, none)
	check(t, err)
	for kind, group := range map[string]string{"VerticalPodAutoscaler": "autoscaling.k8s.io", "PodMonitor": "monitoring.coreos.com", "ServiceMonitor": "monitoring.coreos.com"} {
		plural := strings.ToLower(kind) + "s"
		raw, err := json.Marshal(map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": map[string]any{"name": plural + "." + group, "annotations": map[string]any{"api-approved.kubernetes.io": "unapproved, for a test"}},
			"spec": map[string]any{
				"group": group, "scope": "Namespaced", "names": map[string]any{"kind": kind, "plural": plural},
				"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}}}},
			},
		})
		check(t, err)
		for _, server := range w.each(t)[:1] {
			check(t, server.Discovery().RESTClient().Post().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions").Body(raw).SetHeader("Content-Type", "application/json").Do(t.Context()).Error())
		}
		for _, server := range w.each(t) {
			for range 100 {
				if err = server.Discovery().RESTClient().Get().AbsPath("/apis/" + group + "/v1/" + plural).Do(t.Context()).Error(); err == nil {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			check(t, err)
		}
	}
}

func lackOfPlan(t *testing.T, kubeconfig string) loss {
	t.Helper()
	var p plan.Plan
	r := plugin.Run(t, kubeconfig, "plan", "-A", "-o", "json")
	if err := json.Unmarshal([]byte(r.Stdout), &p); err != nil {
		t.Fatalf("%v: %s", err, r.Stderr)
	}
	out := newLoss()
	for _, g := range p.Gaps {
		out.add(g)
	}
	return out
}

// lackOfLint names the kind of workload that was not read as the role does.
func lackOfLint(t *testing.T, kubeconfig string) loss {
	t.Helper()
	out := newLoss()
	for _, e := range plugin.Run(t, kubeconfig, "lint", "-o", "json").Report(t).Checks {
		for _, g := range e.Missing {
			if g.Kind == facts.Workloads {
				g.Kind = facts.Kind(g.Instance.Name)
			}
			out.add(g)
		}
	}
	return out
}

// minimalConvert: convert says what it is not allowed to read, and needs no more than its role.
func (w *world) minimalConvert(t *testing.T) {
	role, explained := printed(t, "convert", "")
	names := map[string]string{
		"pods": "pod/db-0", "deployments": "deploy/ledger", "replicasets": "rs/web-5c689d88bb", "statefulsets": "sts/db", "daemonsets": "ds/agent",
		"jobs": "job/backup-29000000", "cronjobs": "cronjob/backup", "replicationcontrollers": "rc/old", "podtemplates": "podtemplates/stored",
	}
	whole := w.user(t, "convert-whole", role)
	for i, r := range explained {
		name, reads := names[r.Resource], true
		if name == "" { // about the cluster, not about an object
			name, reads = "deploy/ledger", false
		}
		if r := plugin.Run(t, whole, "convert", name, "-n", "shop"); r.Exit == 1 || r.Exit == 2 {
			t.Errorf("%s: exit %d: %s", name, r.Exit, r.Stderr)
		}
		rest := append(append(role[:0:0], role[:i]...), role[i+1:]...)
		if !r.fits(role[i]) {
			t.Errorf("%s is not rule %d", r, i)
		}
		user := w.user(t, fmt.Sprintf("convert-without-%d", i), rest)
		without := plugin.Run(t, user, "convert", name, "-n", "shop")
		switch {
		case reads && (without.Exit != 1 || !strings.Contains(without.Stderr, "forbidden")),
			!reads && (without.Exit == 1 || without.Exit == 2),
			r.Resource == "nodes" && !strings.Contains(without.Stderr, "not known whether native sidecars run there: the nodes were not seen"):
			t.Errorf("%s without %s: exit %d: %s", name, r, without.Exit, without.Stderr)
		}
	}
	if refused := w.refusals(t, "convert-whole"); len(refused) > 0 {
		t.Errorf("with the printed role the API server refuses %q", refused)
	}
}
