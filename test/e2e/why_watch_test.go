package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// watchExample writes the transcript of a pod that gets well into docs/examples/why-watch.txt.
var watchExample = flag.Bool("watch-example", false, "write docs/examples/why-watch.txt")

// watchManifest is a pod whose sidecar listens after 15 seconds of a budget of 30.
const watchManifest = `
apiVersion: v1
kind: Pod
metadata: {name: slow, namespace: shop}
spec:
  terminationGracePeriodSeconds: 1
  initContainers:
  - name: proxy
    image: ` + cluster.ToolImage + `
    restartPolicy: Always
    args: [sleep, 15s, then, serve, ":15001"]
    ports: [{containerPort: 15001}]
    startupProbe: {httpGet: {path: /ready, port: 15001}, periodSeconds: 3, failureThreshold: 10}
  containers:
  - {name: app, image: ` + cluster.ToolImage + `, args: [serve, ":8080"]}
`

// brokenManifest is a pod whose sidecar exits again and again.
const brokenManifest = `
apiVersion: v1
kind: Pod
metadata: {name: broken, namespace: shop}
spec:
  terminationGracePeriodSeconds: 1
  initContainers:
  - {name: proxy, image: ` + cluster.ToolImage + `, restartPolicy: Always, args: [exit, "3"]}
  containers:
  - {name: app, image: ` + cluster.ToolImage + `, args: [serve, ":8080"]}
`

// replacedManifest is a deployment whose pods take a while.
const replacedManifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 5
      initContainers:
      - {name: setup, image: ` + cluster.ToolImage + `, args: [ignore-term, then, sleep, 15s]}
      containers:
      - {name: app, image: ` + cluster.ToolImage + `, args: [serve, ":8080"]}
`

// retriedManifest is a Job whose pods all fail before they are ready.
const retriedManifest = `
apiVersion: batch/v1
kind: Job
metadata: {name: import, namespace: shop}
spec:
  backoffLimit: 1
  template:
    spec:
      restartPolicy: Never
      initContainers:
      - {name: proxy, image: ` + cluster.ToolImage + `, restartPolicy: Always, args: [serve, ":15001"]}
      containers:
      - {name: app, image: ` + cluster.ToolImage + `, args: [sleep, 2s, then, exit, "5"], readinessProbe: {tcpSocket: {port: 8080}}}
`

// TestWhyWatch watches real pods from their creation on: one that gets well, one that does not, one that is replaced
// while it is watched, and those of a Job that tries again.
func TestWhyWatch(t *testing.T) {
	needsKubelets(t)
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.36"}}, ControllerManager: &cluster.Component{Version: "1.36"},
		Scheduler: &cluster.Component{Version: "1.36"}, Nodes: []cluster.Node{{Component: cluster.Component{Version: "1.36"}}},
	})
	if err := c.CreateNamespace(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}); err != nil {
		t.Fatal(err)
	}
	apply := func(t *testing.T, manifest string) {
		file := filepath.Join(t.TempDir(), "manifest.yaml")
		if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
			t.Fatal(err)
		}
		kubectl(t, c, "apply", "-f", file)
	}
	t.Run("gets well", func(t *testing.T) {
		apply(t, watchManifest)
		r := plugin.Run(t, c.Kubeconfig, "why", "slow", "-n", "shop", "--watch", "--show-requests")
		inOrder(t, r, report.ExitOK, `in progress: `, `slow sidecar proxy: started\n`, `in progress: the startup probe of sidecar proxy has not succeeded, .*; it may fail for 30s\n`,
			`failure 1 of 10: .*connection refused\n`, `failure 3 of 10: `, `slow container app: started\n`, `slow: ready\n`,
			`\n\n√ nothing is wrong with pod/shop/slow: 1 pod running and ready\n`)
		// The event of app may be there before the status of proxy.
		inOrder(t, r, report.ExitOK, `failure 3 of 10: `, `slow sidecar proxy: startup probe succeeded\n`, `slow: ready\n`)
		// It is read when it begins, once more for what ends it, and when the pod gets its node or phase: not for each failure.
		if all, _ := requests(r); all > 20 || strings.Count(r.Stderr, "watch=true") != 2 {
			t.Errorf("%d requests:\n%s", all, r.Stderr)
		}
		if *watchExample && !t.Failed() {
			text := "$ kubectl sidecar why slow -n shop --watch\n" + r.Stdout
			if err := os.WriteFile("../../docs/examples/why-watch.txt", []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("crash loops", func(t *testing.T) {
		apply(t, brokenManifest)
		r := plugin.Run(t, c.Kubeconfig, "why", "broken", "-n", "shop", "--watch")
		inOrder(t, r, report.ExitFindings, `broken sidecar proxy: exited with code 3\n`, `\[sidecar-crash-looping\]\n`, `\n\n× pod/shop/broken: sidecar proxy crashes: exit code 3`)
	})
	t.Run("json", func(t *testing.T) {
		r := plugin.Run(t, c.Kubeconfig, "why", "broken", "-n", "shop", "--watch", "-o", "json")
		lines := strings.Split(strings.TrimSpace(r.Stdout), "\n")
		r.Stdout = lines[len(lines)-1]
		if rep := r.Report(t); r.Exit != report.ExitFindings || rep.Diagnoses[0].RootCause != "sidecar-crash-looping" || len(rep.Changes) == 0 {
			t.Errorf("exit %d\n%s", r.Exit, r.Stdout)
		}
	})
	t.Run("is replaced", func(t *testing.T) { watchReplaced(t, c, apply) })
	t.Run("is tried again", func(t *testing.T) {
		apply(t, retriedManifest)
		r := plugin.Run(t, c.Kubeconfig, "why", "job/import", "-n", "shop", "--watch")
		inOrder(t, r, report.ExitUnknown, `exited with code 5\n`, `failed\n`, `was created by Job import\n`, `exited with code 5\n`, `BackoffLimitExceeded`, `job/shop/import: the pod failed: container app: exit code 5; its Job has failed for good \(BackoffLimitExceeded: .*\)\n`)
	})
}

// watchReplaced watches a pod of a deployment that is deleted meanwhile.
func watchReplaced(t *testing.T, c *cluster.Cluster, apply func(*testing.T, string)) {
	apply(t, replacedManifest)
	pods := c.Client().CoreV1().Pods("shop")
	name := ""
	for deadline := time.Now().Add(patience); name == "" && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		list, err := pods.List(t.Context(), metav1.ListOptions{LabelSelector: "app=web"})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Items) > 0 && list.Items[0].Status.Phase != "" && len(list.Items[0].Status.InitContainerStatuses) > 0 {
			name = list.Items[0].Name
		}
	}
	done := make(chan error)
	go func() {
		time.Sleep(3 * time.Second) // until it is watched
		done <- pods.Delete(t.Context(), name, metav1.DeleteOptions{})
	}()
	r := plugin.Run(t, c.Kubeconfig, "why", name, "-n", "shop", "--watch")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	inOrder(t, r, report.ExitOK, name+`: is being deleted\n`, name+` is gone: deployment/web, which makes what replaces it, is watched instead\n`,
		`pod/shop/web-\S+ init container setup: exited with code 0\n`, `nothing is wrong with deployment/shop/web: 1 pod running and ready\n`)
}

// inOrder wants a run to end with a code, and to print what matches the patterns, one after the other.
func inOrder(t *testing.T, r plugin.Ran, exit int, patterns ...string) {
	t.Helper()
	rest := r.Stdout
	for _, p := range patterns {
		at := regexp.MustCompile(p).FindStringIndex(rest)
		if at == nil {
			t.Errorf("no %q, or not in its place:\n%s%s", p, r.Stdout, r.Stderr)
			return
		}
		rest = rest[at[1]-1:] // the line break may begin the next
	}
	if r.Exit != exit {
		t.Errorf("exit %d, want %d:\n%s%s", r.Exit, exit, r.Stdout, r.Stderr)
	}
}
