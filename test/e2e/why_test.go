package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// stuckPod is a pod template whose sidecar listens on another port than its startup probe asks.
const stuckPod = `
      metadata: {labels: {app: %[1]s}}
      spec:
        restartPolicy: %[2]s
        terminationGracePeriodSeconds: 1
        initContainers:
        - name: proxy
          image: ` + cluster.ToolImage + `
          restartPolicy: Always
          args: [serve, ":15001"]
          ports: [{containerPort: 15001}]
          startupProbe: {httpGet: {path: /ready, port: 15010}, periodSeconds: 1, failureThreshold: 3}
        containers:
        - {name: app, image: ` + cluster.ToolImage + `, args: [serve, ":8080"]}
`

// whyManifest is one of each kind that makes pods, all stuck, a workload that a quota refuses, and
// one that is fine.
func whyManifest() string {
	var out strings.Builder
	add := func(apiVersion, kind, name, spec string) {
		policy := "Always"
		if strings.HasSuffix(kind, "Job") {
			policy = "Never"
		}
		template := fmt.Sprintf(stuckPod, name, policy)
		fmt.Fprintf(&out, "---\napiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: shop}\nspec:\n", apiVersion, kind, name)
		fmt.Fprintf(&out, spec, name)
		if kind == "CronJob" {
			fmt.Fprintf(&out, "  jobTemplate:\n    spec:\n      template:%s", strings.ReplaceAll(template, "\n      ", "\n        "))
			return
		}
		fmt.Fprintf(&out, "  template:%s", strings.ReplaceAll(template, "\n      ", "\n    "))
	}
	const chosen = "  selector: {matchLabels: {app: %s}}\n"
	add("apps/v1", "Deployment", "web", chosen)
	add("apps/v1", "ReplicaSet", "bare", chosen)
	add("apps/v1", "StatefulSet", "db", "  serviceName: none\n"+chosen)
	add("apps/v1", "DaemonSet", "agent", chosen)
	add("batch/v1", "Job", "import", "# %s\n")
	add("batch/v1", "CronJob", "nightly", "  schedule: \"0 3 1 1 *\" # %s\n")
	refused := strings.ReplaceAll(fmt.Sprintf(stuckPod, "web", "Always"), "\n      ", "\n    ")
	fmt.Fprintf(&out, "---\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none, namespace: full}\nspec: {hard: {pods: \"0\"}}\n")
	fmt.Fprintf(&out, "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: full}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:%s", refused)
	fine := strings.Replace(refused, "port: 15010", "port: 15001", 1)
	fmt.Fprintf(&out, "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: fine}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:%s", fine)
	return out.String()
}

// TestWhy asks a real API server and a real kubelet: what is answered, and how much it costs.
func TestWhy(t *testing.T) {
	needsKubelets(t)
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.36"}}, ControllerManager: &cluster.Component{Version: "1.36"},
		Scheduler: &cluster.Component{Version: "1.36"}, Nodes: []cluster.Node{{Component: cluster.Component{Version: "1.36"}}},
	})
	for _, namespace := range []string{"shop", "full", "fine"} {
		if err := c.CreateNamespace(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(file, []byte(whyManifest()), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl(t, c, "apply", "-f", file)
	kubectl(t, c, "create", "job", "nightly-1", "--from=cronjob/nightly", "-n", "shop")
	pods := stuckPods(t, c)

	t.Run("frugal", func(t *testing.T) { frugal(t, c, pods) })
	t.Run("all", func(t *testing.T) { everywhere(t, c) })
	t.Run("dumps", func(t *testing.T) { dumped(t, c) })
	t.Run("silent", func(t *testing.T) { silent(t, c) })
	t.Run("vanished", func(t *testing.T) { vanished(t, c) })
	t.Run("completion", func(t *testing.T) { completes(t, c, pods) })
	t.Run("rights", func(t *testing.T) { whyRights(t, c) })
	t.Run("fix", func(t *testing.T) { fixes(t, c) })
}

// stuckPods waits until every sidecar of the namespace shop was killed by its probe, and that of
// fine is ready, and returns the pods of shop.
func stuckPods(t *testing.T, c *cluster.Cluster) []string {
	t.Helper()
	const workloads = 6
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Second) {
		list, err := c.Client().CoreV1().Pods("shop").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var stuck []string
		for _, p := range list.Items {
			if s := p.Status.InitContainerStatuses; len(s) > 0 && s[0].RestartCount > 0 {
				stuck = append(stuck, p.Name)
			}
		}
		fine, err := c.Client().AppsV1().Deployments("fine").Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(stuck) == workloads && fine.Status.ReadyReplicas == 1 {
			return stuck
		}
	}
	t.Fatalf("the pods did not get stuck:\n%s", kubectl(t, c, "get", "pods", "-A"))
	return nil
}

var logRequest = regexp.MustCompile(`/pods/[^/]+/log\?`)

// requests counts what --show-requests lists, logs apart.
func requests(r plugin.Ran) (all, logs int) {
	for _, l := range strings.Split(r.Stderr, "\n") {
		if strings.HasPrefix(l, "GET ") || strings.HasPrefix(l, "POST ") {
			all++
		}
		if logRequest.MatchString(l) {
			logs++
		}
	}
	return all - logs, logs
}

// frugal asks about a pod and about each kind of workload: the same answer, and at most five
// requests, besides two for the log of one container.
func frugal(t *testing.T, c *cluster.Cluster, pods []string) {
	targets := []string{"deploy/web", "rs/bare", "sts/db", "ds/agent", "job/import", "cronjob/nightly"}
	for _, p := range pods {
		targets = append(targets, "pod/"+p, p)
	}
	for _, target := range targets {
		r := plugin.Run(t, c.Kubeconfig, "why", target, "-n", "shop", "-o", "json", "--show-requests")
		rep := r.Report(t)
		if r.Exit != report.ExitFindings || len(rep.Diagnoses) != 1 {
			t.Errorf("%s: exit %d, %d diagnoses\n%s\n%s", target, r.Exit, len(rep.Diagnoses), r.Stdout, r.Stderr)
			continue
		}
		d := rep.Diagnoses[0]
		if d.RootCause != "startup-probe-failing" || len(d.Timeline) != 2 || !d.Timeline[0].Blocks {
			t.Errorf("%s: %s, timeline %+v", target, d.RootCause, d.Timeline)
		}
		if !slices.ContainsFunc(d.Evidence, func(e string) bool { return strings.Contains(e, "log of proxy: ") }) {
			t.Errorf("%s: the log is not quoted: %q", target, d.Evidence)
		}
		if all, logs := requests(r); all > 5 || logs > 2 {
			t.Errorf("%s: %d requests and %d logs, want at most 5 and 2\n%s", target, all, logs, r.Stderr)
		}
	}
}

// everywhere wants every workload once, in groups.
func everywhere(t *testing.T, c *cluster.Cluster) {
	r := plugin.Run(t, c.Kubeconfig, "why", "-A", "-o", "json")
	var got []string
	for _, d := range r.Report(t).Diagnoses {
		got = append(got, fmt.Sprintf("%s %s/%s", d.RootCause, d.Owner.Namespace, d.Owner.Name))
	}
	slices.Sort(got)
	want := []string{
		"pod-refused full/web",
		"startup-probe-failing shop/agent", "startup-probe-failing shop/bare", "startup-probe-failing shop/db",
		"startup-probe-failing shop/import", "startup-probe-failing shop/nightly", "startup-probe-failing shop/web",
	}
	if diff := cmp.Diff(want, got); diff != "" || r.Exit != report.ExitFindings {
		t.Errorf("exit %d (-want +got):\n%s\n%s", r.Exit, diff, r.Stderr)
	}
	text := plugin.Run(t, c.Kubeconfig, "why", "-A")
	first, _, _ := strings.Cut(text.Stdout, "\n")
	if want := "× 6 pods in trouble, 1 workload without the pods it should have, 2 root causes"; first != want {
		t.Errorf("%q, want %q", first, want)
	}
	if n := strings.Count(text.Stdout, "\nstartup-probe-failing\n"); n != 1 {
		t.Errorf("%d headings, want 1:\n%s", n, text.Stdout)
	}
}

func silent(t *testing.T, c *cluster.Cluster) {
	for _, args := range [][]string{{"why", "deploy/web", "-n", "fine"}, {"why", "-n", "fine"}, {"why", "-l", "app=web", "-n", "fine"}} {
		r := plugin.Run(t, c.Kubeconfig, args...)
		if r.Exit != report.ExitOK || !strings.HasPrefix(r.Stdout, "√ nothing is wrong") || r.Stderr != "" {
			t.Errorf("%v: exit %d\n%s%s", args, r.Exit, r.Stdout, r.Stderr)
		}
	}
}

// vanished asks about pods that do not exist: one whose ReplicaSet does, and one of nobody.
func vanished(t *testing.T, c *cluster.Cluster) {
	list, err := c.Client().AppsV1().ReplicaSets("full").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%d ReplicaSets, %v", len(list.Items), err)
	}
	r := plugin.Run(t, c.Kubeconfig, "why", list.Items[0].Name+"-x7f4k", "-n", "full", "-o", "json")
	rep := r.Report(t)
	if r.Exit != report.ExitFindings || len(rep.Diagnoses) != 1 || rep.Diagnoses[0].RootCause != "pod-refused" {
		t.Errorf("exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
	r = plugin.Run(t, c.Kubeconfig, "why", "nobody", "-n", "full")
	if want := "error: reading pod nobody in namespace full: pods \"nobody\" not found\n"; r.Exit != 1 || !strings.HasPrefix(r.Stderr, want) || r.Stdout != "" {
		t.Errorf("exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
}

func completes(t *testing.T, c *cluster.Cluster, pods []string) {
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"-n", "shop", ""}, pods},
		{[]string{"-n", "shop", "db"}, []string{"db-0"}},
		{[]string{"-n", "shop", "deploy/"}, []string{"deploy/web"}},
		{[]string{"-n", "shop", "sts", ""}, []string{"db"}},
		{[]string{"-n", "shop", "statef"}, []string{"statefulsets/"}},
		{[]string{"-n", "fi"}, []string{"fine"}},
	} {
		r := plugin.Run(t, c.Kubeconfig, append([]string{"__complete", "why"}, test.args...)...)
		got := strings.Split(strings.TrimSpace(r.Stdout), "\n")
		if diff := cmp.Diff(test.want, got[:len(got)-1]); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.args, diff)
		}
	}
}

// whyRights asks as somebody who may see nothing, somebody who may see pods only, and somebody with
// the rights that `rbac --for why` prints.
func whyRights(t *testing.T, c *cluster.Cluster) {
	for _, args := range [][]string{{"db-0"}, {"deploy/web"}, {"cronjob/nightly"}, {"-l", "app=web"}, {}} {
		r := plugin.Run(t, as(t, c, "stranger"), append([]string{"why", "-n", "shop"}, args...)...)
		if r.Exit != report.ExitUnknown || !strings.Contains(r.Stdout, "rbac --for why") {
			t.Errorf("no rights, %q: exit %d\n%s%s", args, r.Exit, r.Stdout, r.Stderr)
		}
	}
	r := plugin.Run(t, as(t, c, "stranger"), "why", "-A", "-o", "json")
	if r.Exit != report.ExitUnknown || r.Report(t).Verdict != report.Unknown {
		t.Errorf("no rights: exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
	kubectl(t, c, "create", "clusterrole", "pods-only", "--verb=get,list", "--resource=pods")
	bind(t, c, "glimpse", "pods-only")
	r = plugin.Run(t, as(t, c, "glimpse"), "why", "db-0", "-n", "shop", "-o", "json")
	if rep := r.Report(t); r.Exit != report.ExitFindings || rep.Diagnoses[0].RootCause != "startup-probe-failing" {
		t.Errorf("pods only: exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
	// Of a workload whose pods were refused there is nothing to see for them.
	if r = plugin.Run(t, as(t, c, "glimpse"), "why", "-n", "full"); r.Exit != report.ExitUnknown {
		t.Errorf("pods only, refused: exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
	printed := plugin.Run(t, "", "rbac", "--for", "why", "--name", "why")
	file := filepath.Join(t.TempDir(), "role.yaml")
	if err := os.WriteFile(file, []byte(printed.Stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl(t, c, "apply", "-f", file)
	bind(t, c, "reader", "why")
	r = plugin.Run(t, as(t, c, "reader"), "why", "-A", "-o", "json", "--logs", "--show-requests")
	if r.Exit != report.ExitFindings || strings.Contains(r.Stderr, "-> 403") {
		t.Errorf("the printed rights: exit %d\n%s", r.Exit, r.Stderr)
	}
}

var patch = regexp.MustCompile(`(?m)^ +kubectl patch deployment web -n shop (.*)$`)

// fixes runs the first command of the printed fix and waits for the deployment to work.
func fixes(t *testing.T, c *cluster.Cluster) {
	r := plugin.Run(t, c.Kubeconfig, "why", "deploy/web", "-n", "shop")
	m := patch.FindStringSubmatch(r.Stdout)
	if m == nil {
		t.Fatalf("no patch:\n%s", r.Stdout)
	}
	flags := strings.SplitN(m[1], " -p ", 2)
	kubectl(t, c, "patch", "deployment", "web", "-n", "shop", flags[0], "-p", strings.Trim(flags[1], "'"))
	kubectl(t, c, "rollout", "status", "deployment/web", "-n", "shop", "--timeout=10m")
	// The old pod ends within its grace period of one second.
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Second) {
		if r = plugin.Run(t, c.Kubeconfig, "why", "deploy/web", "-n", "shop"); r.Exit == report.ExitOK {
			return
		}
	}
	t.Errorf("after the fix: exit %d\n%s", r.Exit, r.Stdout)
}
