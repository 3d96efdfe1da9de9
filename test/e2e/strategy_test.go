package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// lateProxy are a main container that asks at once, and a proxy that takes its time. A second proxy would not get its port,
// and fail.
const lateProxy = `      containers:
      - name: work
        image: ` + cluster.ToolImage + `
        args: [get, "http://127.0.0.1:15001/", then, %s]
      # takes its time
      - name: proxy
        image: ` + cluster.ToolImage + ` # ours
        args: [log, the proxy works, then, sleep, 4s, then, serve, ":15001"]
        ports: [{containerPort: 15001}]
`

const lateJob = `apiVersion: batch/v1
kind: Job
metadata:
  name: work
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 5
` + lateProxy

const lateDeployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: work
spec:
  selector:
    matchLabels: {app: work}
  template:
    metadata:
      labels: {app: work}
    spec:
      terminationGracePeriodSeconds: 2
` + lateProxy

// TestStrategies: what convert prints for clusters that are not ready, word for word, where native sidecars do not run
// and where they do.
func TestStrategies(t *testing.T) {
	needsKubelets(t)
	for _, version := range []string{"1.28", "1.36"} {
		t.Run(version, func(t *testing.T) {
			on := cluster.Component{Version: version}
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{on}, ControllerManager: &on, Scheduler: &on, Nodes: []cluster.Node{{Component: on}}})
			provideRun(t, c)
			for _, strategy := range []string{"universal", "wrapper"} {
				t.Run(strategy, func(t *testing.T) {
					for _, code := range []int{0, 3} {
						t.Run(fmt.Sprintf("job-exits-%d", code), func(t *testing.T) { t.Parallel(); strategyJob(t, c, strategy, code) })
					}
					t.Run("deployment", func(t *testing.T) { t.Parallel(); strategyDeployment(t, c, strategy) })
				})
			}
			if version != "1.28" {
				return
			}
			t.Run("verify", func(t *testing.T) {
				r := plugin.Run(t, c.Kubeconfig, "convert", "-f", manifestFile(t, fmt.Sprintf(lateJob, "exit, \"0\"")), "-c", "proxy", "--verify")
				if r.Exit != report.ExitUnknown || !strings.Contains(r.Stderr, "--strategy universal") {
					t.Errorf("native sidecars do not run there, and nothing else is offered: exit %d\n%s", r.Exit, r.Stderr)
				}
			})
		})
	}
}

// strategically converts a manifest there, and looks at what would become of it on the way back.
func strategically(t *testing.T, c *cluster.Cluster, text, strategy string) string {
	t.Helper()
	file, straight := manifestFile(t, text), manifestFile(t, text)
	converted(t, c, file, "-c", "proxy", "--strategy", strategy, "--run-image", runImage, "--command", "work=/tool", "--command", "proxy=/tool", "--verify")
	back := plugin.Run(t, c.Kubeconfig, "convert", "-f", file, "-o", "yaml")
	want := plugin.Run(t, c.Kubeconfig, "convert", "-f", straight, "-c", "proxy", "-o", "yaml")
	if back.Stdout != want.Stdout || back.Stdout == "" {
		t.Errorf("taken back:\n%s\nwant:\n%s", back.Stdout, want.Stdout)
	}
	return file
}

func strategyJob(t *testing.T, c *cluster.Cluster, strategy string, code int) {
	ns := fmt.Sprintf("%s-job-%d", strategy, code)
	in := inNamespace(t, c, ns)
	in("apply", "-f", strategically(t, c, fmt.Sprintf(lateJob, fmt.Sprintf("exit, %q", fmt.Sprint(code))), strategy))
	p := onlyPod(t, c, ns, "work", "it was expected to end by itself", func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	if want := map[bool]corev1.PodPhase{true: corev1.PodSucceeded, false: corev1.PodFailed}[code == 0]; p.Status.Phase != want || exitCode(p, "work") != code {
		t.Errorf("the pod is %s, and the work exited with %d, want %d", p.Status.Phase, exitCode(p, "work"), code)
	}
	if got := exitCode(p, "proxy"); got != 0 {
		t.Errorf("the proxy exited with %d", got)
	}
	oneWorks(t, in, p)
}

func strategyDeployment(t *testing.T, c *cluster.Cluster, strategy string) {
	in := inNamespace(t, c, strategy+"-deployment")
	in("apply", "-f", strategically(t, c, fmt.Sprintf(lateDeployment, "serve, \":8080\""), strategy))
	in("rollout", "status", "deployment/work", "--timeout="+patience.String())
	list, err := c.Client().CoreV1().Pods(strategy+"-deployment").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%d pods, %v", len(list.Items), err)
	}
	p := &list.Items[0]
	for _, s := range p.Status.ContainerStatuses {
		if s.RestartCount != 0 {
			t.Errorf("%s was restarted %d times", s.Name, s.RestartCount)
		}
	}
	oneWorks(t, in, p)
}

// oneWorks: of all containers exactly one has been the proxy.
func oneWorks(t *testing.T, in func(args ...string) string, p *corev1.Pod) {
	t.Helper()
	var working []string
	for _, c := range append(p.Spec.Containers, p.Spec.InitContainers...) {
		if strings.Contains(in("logs", p.Name, "-c", c.Name), "the proxy works") {
			working = append(working, c.Name)
		}
	}
	native := false
	for _, c := range p.Spec.InitContainers {
		native = native || c.RestartPolicy != nil
	}
	want := "proxy"
	if native {
		want = "proxy-native"
	}
	if len(working) != 1 || working[0] != want {
		t.Errorf("%v worked as the proxy, want %s alone", working, want)
	}
}
