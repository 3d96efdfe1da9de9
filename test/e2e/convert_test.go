package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// slowProxy is a job that asks a proxy which is not there yet.
const slowProxy = `apiVersion: batch/v1
kind: CronJob
metadata:
  name: nightly
spec:
  schedule: "0 3 1 1 *"
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          containers:
          - name: report
            image: ` + cluster.ToolImage + `
            args: [get, "http://127.0.0.1:15001/"]
          # takes its time
          - name: proxy
            image: ` + cluster.ToolImage + `
            args: [sleep, 8s, then, serve, ":15001"]
            ports:
            - containerPort: 15001
`

// loggedJob is a job beside a logger that does not exit. Its own exit code is to be filled in.
const loggedJob = `apiVersion: batch/v1
kind: Job
metadata:
  name: import
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 5
      containers:
      - name: logger
        image: ` + cluster.ToolImage + `
        args: [serve, ":2020"]
        ports: [{containerPort: 2020}]
      - name: import
        image: ` + cluster.ToolImage + `
        args: [sleep, 2s, then, exit, "%d"]
`

// racing is a Deployment whose program asks its proxy when it starts.
const racing = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      terminationGracePeriodSeconds: 3
      containers:
      - name: shop
        image: ` + cluster.ToolImage + `
        args: [get, "http://127.0.0.1:15001/", then, serve, ":8080"]
      - name: proxy
        image: ` + cluster.ToolImage + `
        args: [sleep, 6s, then, serve, ":15001"]
        ports: [{name: http, containerPort: 15001}]
`

// TestConvert: what the manifests do on a real kubelet before and after convert.
func TestConvert(t *testing.T) {
	needsKubelets(t)
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.36"}}, ControllerManager: &cluster.Component{Version: "1.36"},
		Scheduler: &cluster.Component{Version: "1.36"},
		Nodes:     []cluster.Node{{Component: cluster.Component{Version: "1.36"}}, {Component: cluster.Component{Version: "1.32"}}},
	})
	t.Run("slow-proxy", func(t *testing.T) { slowProxyConverted(t, c) })
	for _, code := range []int{0, 3} {
		t.Run(fmt.Sprintf("job-exits-%d", code), func(t *testing.T) { jobConverted(t, c, code) })
	}
	t.Run("start-race", func(t *testing.T) { raceConverted(t, c, "Deployment") })
	t.Run("daemonset", func(t *testing.T) { t.Parallel(); raceConverted(t, c, "DaemonSet") })
	t.Run("statefulset", func(t *testing.T) { t.Parallel(); drainConverted(t, c) })
	t.Run("live", func(t *testing.T) { liveConverted(t, c) })
	t.Run("verify", func(t *testing.T) { verified(t, c) })
}

// inNamespace creates a namespace, and returns how to run kubectl there.
func inNamespace(t *testing.T, c *cluster.Cluster, name string) func(args ...string) string {
	t.Helper()
	if err := c.CreateNamespace(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		t.Fatal(err)
	}
	return func(args ...string) string {
		t.Helper()
		return kubectl(t, c, append([]string{"-n", name}, args...)...)
	}
}

func manifestFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// onlyPod waits for a pod of a job that fits.
func onlyPod(t *testing.T, c *cluster.Cluster, namespace, job, what string, fits func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	var seen string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Second) {
		list, err := c.Client().CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "job-name=" + job})
		if err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			p := &list.Items[i]
			if seen = fmt.Sprintf("%+v", p.Status); fits(p) {
				return p
			}
		}
	}
	t.Fatalf("%s of %s: %s", what, job, seen)
	return nil
}

// exitCode is that of a container that has exited; -1 for one that has not.
func exitCode(p *corev1.Pod, container string) int {
	for _, s := range append(p.Status.ContainerStatuses, p.Status.InitContainerStatuses...) {
		if s.Name == container && s.State.Terminated != nil {
			return int(s.State.Terminated.ExitCode)
		}
	}
	return -1
}

// converted runs convert on a file, which it changes.
func converted(t *testing.T, c *cluster.Cluster, file string, args ...string) {
	t.Helper()
	r := plugin.Run(t, c.Kubeconfig, append([]string{"convert", "-f", file, "--write"}, args...)...)
	if r.Exit != report.ExitOK {
		t.Fatalf("exit %d\n%s\n%s", r.Exit, r.Stdout, r.Stderr)
	}
	if again := plugin.Run(t, c.Kubeconfig, append([]string{"convert", "-f", file}, args...)...); again.Exit != report.ExitOK || again.Stdout != "" {
		t.Fatalf("again: exit %d\n%s\n%s", again.Exit, again.Stdout, again.Stderr)
	}
}

func slowProxyConverted(t *testing.T, c *cluster.Cluster) {
	const ns = "convert-proxy"
	in := inNamespace(t, c, ns)
	file := manifestFile(t, slowProxy)
	in("apply", "-f", file)
	in("create", "job", "before", "--from=cronjob/nightly")
	onlyPod(t, c, ns, "before", "it was expected to be too early and held", func(p *corev1.Pod) bool {
		return exitCode(p, "report") == 1 && exitCode(p, "proxy") == -1 && p.Status.Phase == corev1.PodRunning
	})
	converted(t, c, file, "-c", "proxy")
	in("apply", "-f", file)
	in("create", "job", "after", "--from=cronjob/nightly")
	in("wait", "--for=condition=complete", "job/after", "--timeout="+patience.String())
}

// jobConverted: a job that its logger holds ends by itself, as its main container does.
func jobConverted(t *testing.T, c *cluster.Cluster, code int) {
	ns := fmt.Sprintf("convert-job-%d", code)
	in := inNamespace(t, c, ns)
	file := manifestFile(t, fmt.Sprintf(loggedJob, code))
	in("apply", "-f", file)
	onlyPod(t, c, ns, "import", "it was expected to be held by its logger", func(p *corev1.Pod) bool {
		return exitCode(p, "import") == code && p.Status.Phase == corev1.PodRunning
	})
	in("delete", "job", "import", "--wait")
	converted(t, c, file, "-c", "logger")
	in("apply", "-f", file)
	phase, condition := corev1.PodSucceeded, "complete"
	if code != 0 {
		phase, condition = corev1.PodFailed, "failed"
	}
	in("wait", "--for=condition="+condition, "job/import", "--timeout="+patience.String())
	onlyPod(t, c, ns, "import", "it was expected to end with its own code", func(p *corev1.Pod) bool {
		return exitCode(p, "import") == code && p.Status.Phase == phase
	})
}

// raceConverted: a program that was too early at first is not anymore, on every node that has a pod.
func raceConverted(t *testing.T, c *cluster.Cluster, kind string) {
	ns := "convert-race-" + strings.ToLower(kind)
	in := inNamespace(t, c, ns)
	file := manifestFile(t, strings.Replace(racing, "kind: Deployment", "kind: "+kind, 1))
	in("apply", "-f", file)
	in("rollout", "status", kind+"/shop", "--timeout="+patience.String())
	before := settledRestarts(t, c, ns)
	if slices.Contains(before, 0) {
		t.Fatalf("it was not too early everywhere: %v", before)
	}
	in("delete", "-f", file, "--cascade=foreground", "--wait")
	converted(t, c, file, "-c", "proxy")
	in("apply", "-f", file)
	in("rollout", "status", kind+"/shop", "--timeout="+patience.String())
	after := settledRestarts(t, c, ns)
	if len(after) != len(before) || slices.ContainsFunc(after, func(n int32) bool { return n != 0 }) {
		t.Errorf("restarts: %v, before: %v", after, before)
	}
}

// settledRestarts is how often the container shop of each pod was restarted until it stayed.
// A rollout says it too early: without a readinessProbe a pod is ready as soon as its containers run, also those that exit at once.
func settledRestarts(t *testing.T, c *cluster.Cluster, namespace string) []int32 {
	t.Helper()
	const stays = 5 * time.Second // the program that comes too early exits within milliseconds
	var seen []corev1.ContainerStatus
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Second) {
		list, err := c.Client().CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=shop"})
		if err != nil {
			t.Fatal(err)
		}
		seen = nil
		var restarts []int32
		for _, p := range list.Items {
			for _, s := range p.Status.ContainerStatuses {
				seen = append(seen, s)
				if s.Name == "shop" && s.State.Running != nil && time.Since(s.State.Running.StartedAt.Time) > stays {
					restarts = append(restarts, s.RestartCount)
				}
			}
		}
		if len(restarts) > 0 && len(restarts) == len(list.Items) {
			return restarts
		}
	}
	t.Fatalf("shop does not stay: %+v", seen)
	return nil
}

// draining is a StatefulSet whose program works on for a while when it is told to stop.
const draining = `apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: shop
spec:
  selector:
    matchLabels: {app: shop}
  template:
    metadata:
      labels: {app: shop}
    spec:
      terminationGracePeriodSeconds: 20
      containers:
      - name: shop
        image: ` + cluster.ToolImage + `
        args: [term-after, 4s, then, serve, ":8080"]
      - name: proxy
        image: ` + cluster.ToolImage + `
        args: [serve, ":15001"]
        ports: [{containerPort: 15001}]
`

// drainConverted: a proxy that ended under a program which was still at work ends after it.
func drainConverted(t *testing.T, c *cluster.Cluster) {
	const ns = "convert-drain"
	in := inNamespace(t, c, ns)
	file := manifestFile(t, draining)
	in("apply", "-f", file)
	in("rollout", "status", "sts/shop", "--timeout="+patience.String())
	if shop, proxy := ends(t, c, ns); !proxy.Before(shop) {
		t.Errorf("before: the proxy ended at %s, the program at %s", proxy, shop)
	}
	in("delete", "-f", file, "--cascade=foreground", "--wait")
	converted(t, c, file, "-c", "proxy")
	in("apply", "-f", file)
	in("rollout", "status", "sts/shop", "--timeout="+patience.String())
	if shop, proxy := ends(t, c, ns); proxy.Before(shop) {
		t.Errorf("after: the proxy ended at %s, the program at %s", proxy, shop)
	}
}

// ends deletes the pod, and returns when its containers ended.
func ends(t *testing.T, c *cluster.Cluster, namespace string) (shop, proxy *metav1.Time) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pods := c.Client().CoreV1().Pods(namespace)
	w, err := pods.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=shop-0"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if err := pods.Delete(ctx, "shop-0", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for event := range w.ResultChan() {
		p, ok := event.Object.(*corev1.Pod)
		if !ok || p.DeletionTimestamp == nil {
			continue
		}
		for _, s := range append(p.Status.ContainerStatuses, p.Status.InitContainerStatuses...) {
			switch end := s.State.Terminated; {
			case end != nil && s.Name == "shop":
				shop = &end.FinishedAt
			case end != nil && s.Name == "proxy":
				proxy = &end.FinishedAt
			}
		}
		if shop != nil && proxy != nil {
			return shop, proxy
		}
	}
	t.Fatalf("not seen to end: %v, %v", shop, proxy)
	return nil, nil
}

// liveConverted: the patch that is printed for an object does the same, and nothing is applied.
func liveConverted(t *testing.T, c *cluster.Cluster) {
	in := inNamespace(t, c, "convert-live")
	in("apply", "-f", manifestFile(t, slowProxy))
	version := in("get", "cronjob", "nightly", "-o", "jsonpath={.metadata.resourceVersion}")
	r := plugin.Run(t, c.Kubeconfig, "convert", "cronjob/nightly", "-n", "convert-live", "-c", "proxy")
	if r.Exit != report.ExitFindings || !strings.Contains(r.Stderr, "comes from kubectl apply") {
		t.Fatalf("exit %d\n%s\n%s", r.Exit, r.Stdout, r.Stderr)
	}
	if now := in("get", "cronjob", "nightly", "-o", "jsonpath={.metadata.resourceVersion}"); now != version {
		t.Error("the object was changed")
	}
	in("patch", "cronjob", "nightly", "--type=json", "-p", r.Stdout)
	if got := in("get", "cronjob", "nightly", "-o", "jsonpath={..initContainers[*].name}={..initContainers[*].restartPolicy}"); got != "proxy=Always" {
		t.Errorf("%q", got)
	}
	text := plugin.Run(t, c.Kubeconfig, "convert", "cronjob/nightly", "-n", "convert-live", "-c", "proxy")
	if text.Exit != report.ExitOK || text.Stdout != "" {
		t.Errorf("again: exit %d\n%s\n%s", text.Exit, text.Stdout, text.Stderr)
	}
}

// verified: what the API server does not admit is not written.
func verified(t *testing.T, c *cluster.Cluster) {
	inNamespace(t, c, "convert-verify")
	file := manifestFile(t, slowProxy)
	r := plugin.Run(t, c.Kubeconfig, "convert", "-f", file, "-n", "convert-verify", "-c", "proxy", "--verify", "--show-requests")
	if r.Exit != report.ExitFindings || !strings.Contains(r.Stderr, "/cronjobs?dryRun=All") || !strings.Contains(r.Stderr, "/pods?dryRun=All") {
		t.Errorf("exit %d\n%s\n%s", r.Exit, r.Stdout, r.Stderr)
	}
	bad := manifestFile(t, strings.Replace(slowProxy, "restartPolicy: Never", "restartPolicy: Seldom", 1))
	before, err := os.ReadFile(bad)
	if err != nil {
		t.Fatal(err)
	}
	r = plugin.Run(t, c.Kubeconfig, "convert", "-f", bad, "-n", "convert-verify", "-c", "proxy", "--verify", "--write")
	if r.Exit != report.ExitUnknown || !strings.Contains(r.Stderr, "restartPolicy") {
		t.Errorf("exit %d\n%s\n%s", r.Exit, r.Stdout, r.Stderr)
	}
	if after, err := os.ReadFile(bad); err != nil || string(after) != string(before) {
		t.Errorf("it was written: %v\n%s", err, after)
	}
}
