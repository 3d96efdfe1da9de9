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
const lateProxy = `      nodeName: %s
      containers:
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

// strategies: what convert prints for clusters that are not ready, word for word, on every kubelet.
func strategies(t *testing.T, c *cluster.Cluster, name string, nodes []runNode) {
	for _, n := range nodes {
		for _, strategy := range []string{"universal", "wrapper"} {
			on := placed{c, n.Name, strategy, "proxy"}
			switch {
			case strategy == "universal" && n.expect == "rejected":
				continue // universalJob sees that: no manifest can help there
			case strategy == "universal" && n.expect == "native":
				on.works = "proxy-native"
			}
			for _, code := range []int{0, 3} {
				t.Run(fmt.Sprintf("%s/%s/job-exits-%d", n.Name, strategy, code), func(t *testing.T) { t.Parallel(); on.job(t, code) })
			}
			t.Run(n.Name+"/"+strategy+"/deployment", func(t *testing.T) { t.Parallel(); on.deployment(t) })
		}
	}
	t.Run("live", func(t *testing.T) { liveReadiness(t, c, name, nodes) })
	if name != "1.28-drops" {
		return
	}
	t.Run("verify", func(t *testing.T) {
		r := plugin.Run(t, c.Kubeconfig, "convert", "-f", manifestFile(t, fmt.Sprintf(lateJob, "n128", "exit, \"0\"")), "-c", "proxy", "--verify")
		if r.Exit != report.ExitUnknown || !strings.Contains(r.Stderr, "--strategy universal") {
			t.Errorf("native sidecars do not run there, and nothing else is offered: exit %d\n%s", r.Exit, r.Stderr)
		}
	})
}

// liveReadiness: convert of an object in the cluster asks whether the nodes of the pods run native sidecars, and offers
// what does where they do not.
func liveReadiness(t *testing.T, c *cluster.Cluster, name string, nodes []runNode) {
	const stays, unread = ": stays as it is, since native sidecars would not run: ", "  it is not known whether native sidecars run there: "
	want := map[string]map[string]string{
		"1.28-drops": {"n127": stays + "the API server drops the field", "n128": stays + "the API server drops the field", "n128-on": stays + "the API server drops the field"},
		"1.28-keeps": {"n127": stays + "1 node cannot run them", "n128": unread + "the gate of 1 node was not read, and v1.28.15 has it off by default", "n128-on": unread + "the gate of 1 node was not read, and v1.28.15 has it off by default"},
		"1.36":       {"n132": unread + "the gate of 1 node was not read, and v1.32.2 has it on by default", "n136": ""},
		"1.37":       {"n137": ""},
	}[name]
	for _, n := range nodes {
		ns := "live-" + n.Name
		in := inNamespace(t, c, ns)
		in("apply", "-f", manifestFile(t, strings.Replace(fmt.Sprintf(lateJob, n.Name, "exit, \"0\""), "backoffLimit: 0", "suspend: true", 1)))
		r := plugin.Run(t, c.Kubeconfig, "convert", "job/work", "-n", ns, "-c", "proxy")
		said, patched := want[n.Name], !strings.HasPrefix(want[n.Name], stays)
		if !strings.Contains(r.Stderr, said) && said != "" || said == "" && strings.Contains(r.Stderr, "native sidecars") ||
			strings.Contains(r.Stdout, `"Always"`) != patched || r.Exit != map[bool]int{true: report.ExitFindings, false: report.ExitUnknown}[patched] {
			t.Errorf("%s: exit %d, want %q\n%s\n%s", n.Name, r.Exit, said, r.Stdout, r.Stderr)
		}
		if patched {
			continue
		}
		for _, strategy := range []string{"wrapper", "universal"} {
			_, command, found := strings.Cut(r.Stderr, map[string]string{"wrapper": "waits and ends it:  kubectl sidecar ", "universal": "where that works:           kubectl sidecar "}[strategy])
			command, _, _ = strings.Cut(command, "\n")
			words := append(strings.Fields(command), "--command", "work=/tool", "--command", "proxy=/tool")
			if offered := plugin.Run(t, c.Kubeconfig, words...); !found || offered.Exit != report.ExitFindings || !strings.Contains(offered.Stdout, "sidecar-run") {
				t.Errorf("%s: %q: exit %d\n%s\n%s", n.Name, words, offered.Exit, offered.Stdout, offered.Stderr)
			}
		}
	}
}

// A placed is a strategy on one node, and the container that has to work there.
type placed struct {
	c                     *cluster.Cluster
	node, strategy, works string
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

func (on placed) job(t *testing.T, code int) {
	ns := fmt.Sprintf("%s-%s-job-%d", on.node, on.strategy, code)
	in := inNamespace(t, on.c, ns)
	in("apply", "-f", strategically(t, on.c, fmt.Sprintf(lateJob, on.node, fmt.Sprintf("exit, %q", fmt.Sprint(code))), on.strategy))
	p := onlyPod(t, on.c, ns, "work", "it was expected to end by itself", func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	if want := map[bool]corev1.PodPhase{true: corev1.PodSucceeded, false: corev1.PodFailed}[code == 0]; p.Status.Phase != want || exitCode(p, "work") != code {
		t.Errorf("the pod is %s, and the work exited with %d, want %d", p.Status.Phase, exitCode(p, "work"), code)
	}
	if got := exitCode(p, "proxy"); got != 0 {
		t.Errorf("the proxy exited with %d", got)
	}
	oneWorks(t, in, p, on.works)
}

func (on placed) deployment(t *testing.T) {
	ns := on.node + "-" + on.strategy + "-deployment"
	in := inNamespace(t, on.c, ns)
	in("apply", "-f", strategically(t, on.c, fmt.Sprintf(lateDeployment, on.node, `log, the work begins, then, serve, ":8080"`), on.strategy))
	in("rollout", "status", "deployment/work", "--timeout="+patience.String())
	name := in("get", "pods", "-o", "jsonpath={.items[*].metadata.name}")
	until(t, "the work begins", func() bool { return strings.Contains(in("logs", name, "-c", "work"), "the work begins") })
	p, err := on.c.Client().CoreV1().Pods(ns).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Status.ContainerStatuses {
		if s.RestartCount != 0 {
			t.Errorf("%s was restarted %d times", s.Name, s.RestartCount)
		}
	}
	oneWorks(t, in, p, on.works)
}

// oneWorks: of all containers exactly one has been the proxy.
func oneWorks(t *testing.T, in func(args ...string) string, p *corev1.Pod, want string) {
	t.Helper()
	var working []string
	for _, c := range append(p.Spec.Containers, p.Spec.InitContainers...) {
		if strings.Contains(in("logs", p.Name, "-c", c.Name), "the proxy works") {
			working = append(working, c.Name)
		}
	}
	if len(working) != 1 || working[0] != want {
		t.Errorf("%v worked as the proxy, want %s alone", working, want)
	}
}
