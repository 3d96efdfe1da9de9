package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// TestPlanPasted: what plan prints about a workload is pasted into a shell, word for word, and what it says comes about on
// a real kubelet: the Job completes, the sidecar is there before the work, and the pods have it.
func TestPlanPasted(t *testing.T) {
	needsKubelets(t)
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.36"}}, ControllerManager: &cluster.Component{Version: "1.36"},
		Scheduler: &cluster.Component{Version: "1.36"}, Nodes: []cluster.Node{{Component: cluster.Component{Version: "1.36"}}},
	})
	loader := manifestFile(t, strings.Replace(fmt.Sprintf(loggedJob, 0), "name: import", "name: shop", 1))
	nightly := manifestFile(t, strings.Replace(slowProxy, "name: nightly", "name: shop", 1))
	for kind, file := range map[string]string{
		"CronJob": nightly, "Job": loader, "Deployment": manifestFile(t, racing),
		"StatefulSet": manifestFile(t, strings.Replace(racing, "kind: Deployment", "kind: StatefulSet", 1)),
		"DaemonSet":   manifestFile(t, strings.Replace(racing, "kind: Deployment", "kind: DaemonSet", 1)),
	} {
		t.Run(kind, func(t *testing.T) { planPasted(t, c, kind, file) })
	}
}

func planPasted(t *testing.T, c *cluster.Cluster, kind, file string) {
	ns := "paste-" + strings.ToLower(kind)
	in := inNamespace(t, c, ns)
	in("create", "-f", file)
	if kind == "Job" {
		onlyPod(t, c, ns, "shop", "it was expected to be held by its logger", func(p *corev1.Pod) bool {
			return exitCode(p, "import") == 0 && p.Status.Phase == corev1.PodRunning
		})
	}
	r := plugin.Run(t, c.Kubeconfig, "plan", kind+"/shop", "-n", ns)
	if r.Exit != plan.ExitToMove {
		t.Fatalf("exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
	changed := 0
	for line := range strings.Lines(r.Stdout) {
		command, found := strings.CutPrefix(line, "  kubectl ")
		if !found {
			continue
		}
		if strings.Contains(command, "kubectl") { // the others only print
			changed++
		}
		paste(t, c, strings.ReplaceAll("kubectl "+command, "FILE", file))
	}
	if changed != 1 {
		t.Fatalf("%d commands that change something in\n%s", changed, r.Stdout)
	}
	wait := "--timeout=" + patience.String()
	switch kind {
	case "CronJob":
		in("create", "job", "next", "--from=cronjob/shop")
		in("wait", "--for=condition=complete", "job/next", wait)
	case "Job":
		in("wait", "--for=condition=complete", "job/shop", wait)
	default:
		in("rollout", "status", kind+"/shop", wait)
		settledRestarts(t, c, ns)
		native := in("get", "pods", "-o", "jsonpath={range .items[?(@.spec.initContainers)]}{.spec.initContainers[*].restartPolicy} {.status.containerStatuses[*].restartCount},{end}")
		if native != "Always 0," {
			t.Errorf("policy and restarts are %q in\n%s", native, in("get", "pods", "-o", "yaml"))
		}
	}
	if r := plugin.Run(t, c.Kubeconfig, "plan", kind+"/shop", "-n", ns); r.Exit != plan.ExitNothing {
		t.Errorf("there is still something to move: exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
}

// paste runs a line in a shell that has kubectl with the plugin.
func paste(t *testing.T, c *cluster.Cluster, line string) {
	t.Helper()
	kubectl, err := binaries.Kubernetes(t.Context(), "1.36", "kubectl")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig,
		"PATH="+filepath.Dir(kubectl)+":"+filepath.Dir(plugin.Path())+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 3 && !strings.Contains(line, "| kubectl")) { // 3: there is something to convert
		t.Fatalf("%v: %s\n%s", err, out, line)
	}
}
