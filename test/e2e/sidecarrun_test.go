package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/image"
)

// runImage has sidecar-run, which init containers install from it, and nothing else.
const runImage = "registry.example/kubectl-sidecar:test"

// provideRun puts sidecar-run on every node.
func provideRun(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	program, err := binaries.Program(t.Context(), ".", "./cmd/sidecar-run")
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(c.Dir(), "sidecar-run.tar")
	err = image.Image{Name: runImage, Files: map[string]string{"/sidecar-run": program}, Entrypoint: []string{"/sidecar-run"}}.WriteFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range c.Kubelets {
		if err := node.Import(t.Context(), archive); err != nil {
			t.Fatal(err)
		}
	}
}

// A runPod is a pod template with sidecar-run in an emptyDir, mounted by each container.
type runPod struct {
	node, policy string
	inits        []container
	containers   []container
}

type container struct {
	name    string
	command []string // behind sidecar-run
	// more is YAML of the container, without indent.
	more string
}

// tool is a command for the test image, behind sidecar-run's options.
func tool(options []string, steps ...string) []string {
	return append(append(slices.Clone(options), "--", "/tool"), steps...)
}

func (p runPod) template(labels string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "metadata: {labels: {%s}}\nspec:\n  nodeName: %s\n  restartPolicy: %s\n  terminationGracePeriodSeconds: 5\n", labels, p.node, p.policy)
	b.WriteString("  automountServiceAccountToken: false\n  volumes: [{name: run, emptyDir: {}}]\n  initContainers:\n")
	fmt.Fprintf(&b, "  - name: install\n    image: %s\n    args: [--install, /run]\n    volumeMounts: [{name: run, mountPath: /run}]\n", runImage)
	write := func(list []container) {
		for _, c := range list {
			fmt.Fprintf(&b, "  - name: %s\n    image: %s\n    volumeMounts: [{name: run, mountPath: /run}]\n    command: [/run/sidecar-run", c.name, cluster.ToolImage)
			for _, arg := range c.command {
				fmt.Fprintf(&b, ", %q", arg)
			}
			b.WriteString("]\n")
			for line := range strings.Lines(c.more) {
				b.WriteString("    " + line)
			}
		}
	}
	write(p.inits)
	b.WriteString("  containers:\n")
	write(p.containers)
	return b.String()
}

func indented(text string, by int) string {
	return strings.ReplaceAll(strings.TrimRight("\n"+text, "\n"), "\n", "\n"+strings.Repeat(" ", by))
}

func (p runPod) job(name string) string {
	return "apiVersion: batch/v1\nkind: Job\nmetadata: {name: " + name + "}\nspec:\n  backoffLimit: 0\n  template:" + indented(p.template("app: "+name), 4) + "\n"
}

func (p runPod) deployment(name string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + "}\nspec:\n  selector: {matchLabels: {app: " + name + "}}\n  template:" +
		indented(p.template("app: "+name), 4) + "\n"
}

// universal is a pod whose sidecar is in it twice, and whose main container needs it at once.
func universal(node, policy string, probe bool, main ...string) runPod {
	steps := []string{"log", "the sidecar works", "then", "sleep", "2s", "then", "serve", ":15001"}
	native := container{name: "native", command: tool([]string{"--universal=native", "--dir=/run/handshake"}, steps...), more: "restartPolicy: Always\n"}
	if probe {
		native.more += "startupProbe: {httpGet: {port: 15001, path: /}, periodSeconds: 1, failureThreshold: 600}\n"
	}
	native.command = append([]string{}, native.command...)
	old := []string{"--universal=old", "--dir=/run/handshake", "--restart-policy=" + policy}
	wait := []string{"--dir=/run/handshake", "--wait=http://127.0.0.1:15001/", "--restart-policy=" + policy, "--wait-timeout=0"}
	if policy != "Always" {
		old = append(old, "--main-ended=file:/run/ended")
		wait = append(wait, "--quit=file:/run/ended")
	}
	return runPod{
		node: node, policy: policy, inits: []container{native},
		containers: []container{{name: "main", command: tool(wait, main...)}, {name: "old", command: tool(old, steps...)}},
	}
}

// works is how many of the two have run the sidecar, and which.
func works(logs func(container string) string) []string {
	var list []string
	for _, name := range []string{"native", "old"} {
		if strings.Contains(logs(name), "the sidecar works") {
			list = append(list, name)
		}
	}
	return list
}

func container0(p *corev1.Pod, name string) corev1.ContainerStatus {
	for _, s := range append(p.Status.ContainerStatuses, p.Status.InitContainerStatuses...) {
		if s.Name == name {
			return s
		}
	}
	return corev1.ContainerStatus{}
}

// A runNode is a node and what is expected of a universal sidecar there: native, old, or rejected.
type runNode struct {
	cluster.Node
	expect string
}

// A runCluster is an API server, and kubelets that it supports.
type runCluster struct {
	api   cluster.Component
	nodes []runNode
}

// runClusters are the kubelets without native sidecars, with them, and with them off, below API servers that keep the
// field or drop it.
func runClusters() map[string]runCluster {
	node := func(name, version string, gates map[string]bool) cluster.Node {
		return cluster.Node{Name: name, Component: cluster.Component{Version: version, FeatureGates: gates}}
	}
	return map[string]runCluster{
		"1.28-drops": {cluster.Component{Version: "1.28"}, []runNode{
			{node("n127", "1.27", nil), "old"}, {node("n128", "1.28", nil), "old"}, {node("n128-on", "1.28", gate(true)), "old"},
		}},
		"1.28-keeps": {cluster.Component{Version: "1.28", FeatureGates: gate(true)}, []runNode{
			{node("n127", "1.27", nil), "old"}, {node("n128", "1.28", nil), "rejected"}, {node("n128-on", "1.28", gate(true)), "native"},
		}},
		// 1.32 is one minor more behind than is supported.
		"1.36": {cluster.Component{Version: "1.36"}, []runNode{{node("n132", "1.32", nil), "native"}, {node("n136", "1.36", nil), "native"}}},
		"1.37": {cluster.Component{Version: "1.37"}, []runNode{{node("n137", "1.37", nil), "native"}}},
	}
}

// start starts it, with sidecar-run on every node.
func (r runCluster) start(t *testing.T) *cluster.Cluster {
	t.Helper()
	config := cluster.Config{APIServers: []cluster.Component{r.api}, ControllerManager: &r.api}
	for _, n := range r.nodes {
		config.Nodes = append(config.Nodes, n.Node)
	}
	c := cluster.StartFor(t, config)
	provideRun(t, c)
	return c
}

// TestSidecarRun: sidecar-run on every kubelet, in pods of its own and in those that convert makes. The situations of the
// wrapper, which does not depend on the kubelet, run on the oldest and on the newest, and on all of them with -slow.
func TestSidecarRun(t *testing.T) {
	needsKubelets(t)
	for name, rc := range runClusters() {
		t.Run(name, func(t *testing.T) {
			c := rc.start(t)
			t.Run("universal", func(t *testing.T) { universally(t, c, name, rc.nodes) })
			t.Run("convert", func(t *testing.T) { strategies(t, c, name, rc.nodes) })
			for _, n := range rc.nodes {
				if *slow || name+"/"+n.Name == "1.28-drops/n127" || n.Name == "n137" {
					t.Run("wrapper/"+n.Name, func(t *testing.T) { (wrapped{c, n.Name}).all(t) })
				}
			}
		})
	}
}

// universally: on every kubelet exactly one of the two runs the sidecar, the main container starts after it, and the job
// ends on its own with the main's exit code.
func universally(t *testing.T, c *cluster.Cluster, name string, nodes []runNode) {
	for _, n := range nodes {
		probe := name != "1.28-drops" // an API server that drops the field does not allow the probe
		for _, code := range []int{0, 3} {
			t.Run(fmt.Sprintf("%s-job-%d", n.Name, code), func(t *testing.T) {
				t.Parallel()
				universalJob(t, c, n, universal(n.Name, "Never", probe, "get", "http://127.0.0.1:15001/", "then", "exit", fmt.Sprint(code)), code)
			})
		}
		if n.expect == "rejected" {
			continue // the job says so; a Deployment would have one pod after the other rejected, as fast as it can
		}
		t.Run(n.Name+"-deployment", func(t *testing.T) {
			t.Parallel()
			universalDeployment(t, c, n, universal(n.Name, "Always", probe, "get", "http://127.0.0.1:15001/", "then", "serve", ":8080"))
		})
	}
}

func universalJob(t *testing.T, c *cluster.Cluster, n runNode, p runPod, code int) {
	ns := fmt.Sprintf("universal-%s-%d", n.Name, code)
	in := inNamespace(t, c, ns)
	in("apply", "-f", manifestFile(t, p.job("import")))
	pod := onlyPod(t, c, ns, "import", "it was expected to end", func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	if n.expect == "rejected" {
		if pod.Status.Reason != "InitContainerRestartPolicyForbidden" {
			t.Errorf("it was expected to be rejected: %+v", pod.Status)
		}
		return
	}
	condition := map[bool]string{true: "complete", false: "failed"}[code == 0]
	in("wait", "--for=condition="+condition, "job/import", "--timeout="+patience.String())
	logs := func(container string) string { return in("logs", pod.Name, "-c", container) }
	if got := works(logs); !slices.Equal(got, []string{n.expect}) {
		t.Errorf("%v run the sidecar, expected %s", got, n.expect)
	}
	if got := exitCode(pod, "main"); got != code || container0(pod, "main").RestartCount != 0 {
		t.Errorf("the main container exits with %d, expected %d: %s", got, code, logs("main"))
	}
	if got := exitCode(pod, "old"); got != 0 {
		t.Errorf("the old one exits with %d: %s", got, logs("old"))
	}
}

func universalDeployment(t *testing.T, c *cluster.Cluster, n runNode, p runPod) {
	ns := "universal-" + n.Name + "-deployment"
	in := inNamespace(t, c, ns)
	in("apply", "-f", manifestFile(t, p.deployment("shop")))
	in("rollout", "status", "deployment/shop", "--timeout="+patience.String())
	pods, err := c.Client().CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{LabelSelector: "app=shop"})
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("%d pods, %v", len(pods.Items), err)
	}
	// A container that waits is running, and ready without a readiness probe.
	name := pods.Items[0].Name
	until(t, "the main container has asked the sidecar", func() bool { return strings.Contains(in("logs", name, "-c", "main"), "200") })
	pod, err := c.Client().CoreV1().Pods(ns).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := works(func(container string) string { return in("logs", pod.Name, "-c", container) }); !slices.Equal(got, []string{n.expect}) {
		t.Errorf("%v run the sidecar, expected %s", got, n.expect)
	}
	restarts := map[string]int32{"main": 0, "old": 0, "native": 0}
	if n.expect == "native" {
		restarts["native"] = 1
	}
	for name, want := range restarts {
		if s := container0(pod, name); s.RestartCount != want {
			t.Errorf("%s was restarted %d times, expected %d", name, s.RestartCount, want)
		}
	}
	newSandbox(t, c, n.Name, ns)
	until(t, "the main container is started again and has asked the sidecar", func() bool {
		pod, err = c.Client().CoreV1().Pods(ns).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		main := container0(pod, "main")
		return main.RestartCount > 0 && main.State.Running != nil && strings.Contains(in("logs", name, "-c", "main"), "200")
	})
	if got := works(func(container string) string { return in("logs", pod.Name, "-c", container) }); !slices.Equal(got, []string{n.expect}) {
		t.Errorf("in a new sandbox %v run the sidecar, expected %s", got, n.expect)
	}
	begin := time.Now()
	in("delete", "pod", pod.Name, "--wait")
	if took := time.Since(begin); took > 4*time.Second { // before its grace period has passed
		t.Logf("the pod took %s to terminate", took)
	}
}

// newSandbox takes the only pod of a namespace its sandbox, as a reboot of the node does: the kubelet makes another one,
// and starts with the init containers. The volumes stay.
func newSandbox(t *testing.T, c *cluster.Cluster, nodeName, ns string) {
	t.Helper()
	i := slices.IndexFunc(c.Kubelets, func(k *cluster.Kubelet) bool { return k.Name == nodeName })
	ctr := func(args ...string) string {
		command := append(c.Kubelets[i].Exec(), "ctr", "--namespace", "k8s.io")
		out, err := exec.CommandContext(t.Context(), command[0], append(command[1:], args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("ctr %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	id := ctr("containers", "list", "--quiet", `labels."io.kubernetes.pod.namespace"==`+ns+`,labels."io.cri-containerd.kind"==sandbox`)
	if len(strings.Fields(id)) != 1 {
		t.Fatalf("the sandboxes of %s: %q", ns, id)
	}
	ctr("tasks", "kill", "--signal", "SIGKILL", id)
}
