package cluster

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/internal/node"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/rights"
)

// Node is a real kubelet with a containerd of its own, in namespaces of its
// own on this machine. It needs root.
type Node struct {
	// Component is the kubelet.
	Component
	// Name is "node-0" and so on when empty.
	Name   string
	Labels map[string]string
}

// Kubelet is a running Node.
type Kubelet struct {
	Name       string
	Address    string // InternalIP; the kubelet's port is 10250
	GitVersion string
	Dir        string // with what it was configured with and what it wrote

	cluster *Cluster
	index   int
	process *process
	stdin   io.WriteCloser
}

// Stop takes the node down, with all that runs on it; its Node object stays.
func (k *Kubelet) Stop() { k.process.stop() }

// StaticPods is the folder whose manifests the kubelet runs without an API server.
func (k *Kubelet) StaticPods() string { return filepath.Join(k.Dir, "static") }

// CanRunNodes says why this machine cannot run kubelets, or nil when it can.
// Control planes and fake nodes run everywhere.
func CanRunNodes() error { return rights.Nodes() }

// AddNode starts one more node and returns when it is Ready.
func (c *Cluster) AddNode(ctx context.Context, n Node) (*Kubelet, error) {
	var err error
	if n.Component, err = n.Component.complete("kubelet"); err != nil {
		return nil, err
	}
	k, err := c.startNode(ctx, n)
	if err != nil {
		return nil, err
	}
	if err := k.run(ctx); err != nil {
		k.Stop()
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Kubelets = append(c.Kubelets, k)
	return k, nil
}

// startNodes starts the configured nodes while the control plane starts.
func (c *Cluster) startNodes(ctx context.Context) error {
	for _, n := range c.config.Nodes {
		k, err := c.startNode(ctx, n)
		if err != nil {
			return err
		}
		c.Kubelets = append(c.Kubelets, k)
	}
	return nil
}

// runNodes starts the kubelets of the configured nodes.
func (c *Cluster) runNodes(ctx context.Context) error {
	errs := make(chan error)
	for _, k := range c.Kubelets {
		go func() { errs <- k.run(ctx) }()
	}
	var err error
	for range c.Kubelets {
		err = firstOf(err, <-errs)
	}
	return err
}

// startNode starts all of a node but the kubelet, which needs an API server.
func (c *Cluster) startNode(ctx context.Context, n Node) (*Kubelet, error) {
	if err := CanRunNodes(); err != nil {
		return nil, fmt.Errorf("start a node: %w", err)
	}
	if err := c.slot.RaiseLimit(); err != nil {
		return nil, fmt.Errorf("start a node: %w", err)
	}
	if err := c.writeImages(ctx); err != nil {
		return nil, err
	}
	k := &Kubelet{Name: n.Name, cluster: c}
	c.mu.Lock()
	k.index = c.nextNode
	c.nextNode++
	c.mu.Unlock()
	if k.index >= maxNodes {
		return nil, fmt.Errorf("start a node: at most %d", maxNodes)
	}
	if k.Name == "" {
		k.Name = fmt.Sprintf("node-%d", k.index)
	}
	k.Address, k.Dir = c.network.node(k.index), filepath.Join(c.dir, "nodes", k.Name)
	spec, err := k.spec(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", k.Name, err)
	}
	if err := k.launch(ctx, spec); err != nil {
		return nil, fmt.Errorf("start %s: %w", k.Name, err)
	}
	return k, nil
}

// spec writes the files that the node reads.
func (k *Kubelet) spec(ctx context.Context, n Node) (string, error) {
	path, err := n.path(ctx, "kubelet")
	if err != nil {
		return "", err
	}
	if k.GitVersion = "v" + n.Version; n.Program == "" {
		if k.GitVersion, err = binaries.GitVersion(n.Version); err != nil {
			return "", err
		}
	}
	for _, dir := range []string{"cni", "pki", "static"} {
		if err := os.MkdirAll(filepath.Join(k.Dir, dir), 0o755); err != nil {
			return "", err
		}
	}
	kubeconfig, err := k.cluster.kubeconfigFor("system:node:"+k.Name, "system:nodes")
	if err != nil {
		return "", err
	}
	files, err := k.files(n)
	if err != nil {
		return "", err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(k.Dir, name), data, 0o644); err != nil {
			return "", err
		}
	}
	flags := []string{
		"--config=" + filepath.Join(k.Dir, "kubelet.yaml"), "--kubeconfig=" + kubeconfig, "--hostname-override=" + k.Name,
		"--node-ip=" + k.Address, "--root-dir=/var/lib/kubelet", "--cert-dir=" + filepath.Join(k.Dir, "pki"), "--v=2",
	}
	if labels := labelList(n.Labels); labels != "" {
		flags = append(flags, "--node-labels="+labels)
	}
	network := k.cluster.network
	spec := node.Spec{
		Hostname: k.Name, Dir: k.Dir, Log: k.log(""), Cgroup: k.cluster.slot.Cgroup(k.Name),
		Network: fmt.Sprintf("link set lo up\naddr add %s/%d dev eth0\nlink set eth0 up\n", k.Address, network.bits) +
			network.routes("eth0", k.index),
		Containerd: []string{"containerd", "--config", filepath.Join(k.Dir, "containerd.toml")},
		Images:     k.cluster.images,
		Kubelet:    append(append([]string{path}, flags...), n.Flags...),
	}
	name := filepath.Join(k.Dir, "spec.json")
	return name, spec.WriteFile(name)
}

// log is the name of a log file: "logs/node-0-kubelet.log".
func (k *Kubelet) log(name string) string {
	return filepath.Join(k.cluster.dir, "logs", k.Name+"-"+name)
}

func labelList(labels map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, key+"="+labels[key])
	}
	return strings.Join(all, ",")
}

// launch starts the first process of the node and plugs the node in.
func (k *Kubelet) launch(ctx context.Context, spec string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	k.stdin = write
	k.process, err = k.cluster.start(program{
		name: k.Name, path: k.cluster.keeperPath, args: []string{"node", spec}, stdin: read,
		spaces: nodeSpaces,
	})
	if err != nil {
		write.Close()
		return err
	}
	port := fmt.Sprintf("port-%d", k.index)
	if err := k.cluster.network.plug(ctx, "eth0", k.process.cmd.Process.Pid, port); err != nil {
		return k.process.failure(err)
	}
	return k.tell(node.Plugged)
}

func (k *Kubelet) tell(line string) error {
	_, err := io.WriteString(k.stdin, line+"\n")
	return err
}

// run starts the kubelet and returns when the node can take pods.
func (k *Kubelet) run(ctx context.Context) error {
	if err := k.tell(node.Run); err != nil {
		return k.process.failure(err)
	}
	err := k.process.wait(ctx, k.ready)
	if err != nil {
		return fmt.Errorf("%w\nkubelet:\n%s", err, logEnd(k.log("kubelet.log")))
	}
	return nil
}

func (k *Kubelet) ready(ctx context.Context) error {
	object, err := k.cluster.client.CoreV1().Nodes().Get(ctx, k.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if k.cluster.config.ControllerManager != nil {
		for _, taint := range object.Spec.Taints {
			if taint.Key == corev1.TaintNodeNotReady {
				return fmt.Errorf("%s is tainted %s", k.Name, taint.Key)
			}
		}
	}
	for _, condition := range object.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			return dial(net.JoinHostPort(k.Address, "10250"))
		}
	}
	return fmt.Errorf("%s is not Ready", k.Name)
}

// Exec is for looking around: it returns the arguments that put a command
// into the node's namespaces.
func (k *Kubelet) Exec() []string {
	return []string{"nsenter", "--target", fmt.Sprint(k.process.cmd.Process.Pid), "--pid", "--mount", "--net", "--uts", "--ipc"}
}
