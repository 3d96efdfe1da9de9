package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// withProxy is a template whose work calls a database proxy that is not native yet.
func withProxy(pool string, restart corev1.RestartPolicy) corev1.PodTemplateSpec {
	out := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "x"}}}
	out.Spec.RestartPolicy = restart
	if pool != "" {
		out.Spec.NodeSelector = map[string]string{"pool": pool}
	}
	out.Spec.Containers = []corev1.Container{
		{Name: "work", Image: "work:1", Args: []string{"--db=127.0.0.1:5432"}},
		{Name: "db", Image: "mirror.example/cloud-sql-proxy:2", Args: []string{"--port=5432", "p:r:i"}},
	}
	return out
}

// TestPlan: a real API server's workloads are planned by what its nodes are, without a look at pods.
func TestPlan(t *testing.T) {
	ctx := context.Background()
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	client := c.Client()
	for name, version := range map[string]string{"new": "v1.36.0", "old": "v1.27.4"} {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pool": name}}}
		made, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		made.Status.NodeInfo.KubeletVersion = version
		if _, err := client.CoreV1().Nodes().UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	labels := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}
	for name, pool := range map[string]string{"anywhere": "", "modern": "new"} {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.DeploymentSpec{Selector: labels, Template: withProxy(pool, "")}}
		if _, err := client.AppsV1().Deployments("default").Create(ctx, d, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	cron := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: "nightly"}, Spec: batchv1.CronJobSpec{Schedule: "0 3 * * *"}}
	cron.Spec.JobTemplate.Spec.Template = withProxy("new", corev1.RestartPolicyNever)
	if _, err := client.BatchV1().CronJobs("default").Create(ctx, cron, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}

	r := plugin.Run(t, c.Kubeconfig, "plan", "-A", "-o", "json", "--show-requests")
	var p plan.Plan
	if err := json.Unmarshal([]byte(r.Stdout), &p); err != nil || r.Exit != plan.ExitToMove {
		t.Fatalf("exit %d, %v\n%s%s", r.Exit, err, r.Stdout, r.Stderr)
	}
	var got []string
	for _, row := range p.Rows {
		got = append(got, string(row.Wave)+" "+row.Name+" "+string(row.Status))
	}
	if diff := cmp.Diff([]string{"CronJobs nightly ready", "Deployments modern ready", "blocked anywhere blocked"}, got); diff != "" || !p.Complete {
		t.Errorf("%s%s\n%s", diff, r.Stdout, r.Stderr)
	}
	for l := range strings.Lines(r.Stderr) {
		if strings.HasSuffix(l, " requests\n") {
			continue
		}
		if method, url, _ := strings.Cut(l, " "); method != "GET" && method != "POST" || method == "GET" && strings.Contains(url, "/api/v1/pods") && !strings.Contains(url, "elector=") {
			t.Errorf("request: %s", l)
		}
	}
	if r := plugin.Run(t, c.Kubeconfig, "plan", "deploy/modern"); r.Exit != plan.ExitToMove || !strings.Contains(r.Stdout, "called by work (high)") {
		t.Errorf("exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
	if r := plugin.Run(t, c.Kubeconfig, "plan", "deploy/none"); r.Exit != 1 || !strings.Contains(r.Stderr, "was not found") {
		t.Errorf("exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
}

// TestPlanWebhooks: a webhook of a real API server that strips the field from some pods blocks their workloads, by its
// name, and workloads are listed once for canaries and plan.
func TestPlanWebhooks(t *testing.T) {
	ctx := t.Context()
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "new"}}
	made, err := c.Client().CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	made.Status.NodeInfo.KubeletVersion = "v1.36.0"
	if _, err := c.Client().CoreV1().Nodes().UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keeps", "loses"} {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.DeploymentSpec{Template: withProxy("", "")}}
		d.Spec.Template.Labels["name"], d.Spec.Selector = name, &metav1.LabelSelector{MatchLabels: map[string]string{"name": name}}
		if _, err := c.Client().AppsV1().Deployments("default").Create(ctx, d, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	server, err := c.ServeWebhooks()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.InstallWebhook(ctx, cluster.Webhook{
		Configuration: "tidy", Client: server.Client("/strip"), ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"name": "loses"}},
	}); err != nil {
		t.Fatal(err)
	}
	r := plugin.Run(t, c.Kubeconfig, "plan", "-A", "-o", "json", "--show-requests")
	var p plan.Plan
	if err := json.Unmarshal([]byte(r.Stdout), &p); err != nil {
		t.Fatalf("exit %d, %v\n%s%s", r.Exit, err, r.Stdout, r.Stderr)
	}
	got := map[string]string{}
	for _, row := range p.Rows {
		text, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		got[row.Name] = string(row.Status)
		if strings.Contains(string(text), "tidy") {
			got[row.Name] += " by tidy"
		}
	}
	if diff := cmp.Diff(map[string]string{"keeps": "ready", "loses": "blocked by tidy"}, got); diff != "" {
		t.Errorf("exit %d (-want +got)\n%s%s", r.Exit, diff, r.Stdout)
	}
	if n := strings.Count(r.Stderr, "/apis/apps/v1/deployments?"); n != 1 {
		t.Errorf("deployments were listed %d times:\n%s", n, r.Stderr)
	}
}
