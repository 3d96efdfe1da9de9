package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FakeNode is a Node object that looks like a kubelet's, answered for by a
// fake kubelet: for machines where no kubelet can run, for nodes that behave
// badly, and for thousands of them.
type FakeNode struct {
	// Name is "fake-0" and so on when empty.
	Name string
	// Version is what the node reports as its kubelet's: "v1.30.4", or a
	// minor. The newest recorded one when empty.
	Version string
	// SidecarContainers is the gate in the recorded pages that the fake
	// kubelet serves; the version's default when nil.
	SidecarContainers *bool
	Labels            map[string]string
	// NotReady makes the Ready condition False.
	NotReady bool
	// Images is how many images the node says that it has; real kubelets list up to 50.
	Images int
	// Metrics and Configz say how the kubelet answers to these paths.
	Metrics, Configz Behavior
}

// Behavior is how a fake kubelet answers.
type Behavior string

// Serve is the well-behaved one. Refuse (nothing listens) and NoAddress (the
// node has none) concern the whole node and are taken from Metrics.
const (
	Serve        Behavior = ""
	Hang         Behavior = "hang"         // no answer, ever
	HangMidway   Behavior = "hang-midway"  // half of the page, then nothing
	Drip         Behavior = "drip"         // the page, at a few KB per second
	Unauthorized Behavior = "unauthorized" // 401
	Forbidden    Behavior = "forbidden"    // 403
	NotFound     Behavior = "not-found"    // 404
	ServerError  Behavior = "server-error" // 500
	Garbage      Behavior = "garbage"      // 200 and something else
	Truncated    Behavior = "truncated"    // half of the page, then the connection is cut
	Empty        Behavior = "empty"        // 200 and nothing
	Endless      Behavior = "endless"      // a page without an end
	Refuse       Behavior = "refuse"
	NoAddress    Behavior = "no-address"
)

// fakeKey is what fake kubelets differ in. Each has a port of its own, which
// the nodes name in their status; thousands of nodes share one.
type fakeKey struct {
	page             string
	metrics, configz Behavior
}

// AddFakeNodes creates the nodes and, where missing, their fake kubelets.
func (c *Cluster) AddFakeNodes(ctx context.Context, nodes ...FakeNode) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work, errs := make(chan *corev1.Node), make(chan error, 1)
	var wait sync.WaitGroup
	for range min(32, len(nodes)) {
		wait.Go(func() {
			for object := range work {
				if _, err := c.client.CoreV1().Nodes().Create(ctx, object, metav1.CreateOptions{}); err != nil {
					select {
					case errs <- fmt.Errorf("add a fake node: %w", err):
						cancel()
					default:
					}
				}
			}
		})
	}
	err := c.feed(ctx, nodes, work)
	close(work)
	wait.Wait()
	select {
	case first := <-errs:
		return first
	default:
		return err
	}
}

func (c *Cluster) feed(ctx context.Context, nodes []FakeNode, work chan<- *corev1.Node) error {
	for _, n := range nodes {
		object, err := c.fakeNode(n)
		if err != nil {
			return fmt.Errorf("add a fake node: %w", err)
		}
		select {
		case work <- object:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (c *Cluster) fakeNode(n FakeNode) (*corev1.Node, error) {
	page, version, err := pageFor(n.Version, n.SidecarContainers)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n.Name == "" {
		n.Name = fmt.Sprintf("fake-%d", c.nextFake)
		c.nextFake++
	}
	object := nodeObject(n, version)
	if n.Metrics == NoAddress {
		return object, nil
	}
	address, err := c.fakeAddress()
	if err != nil {
		return nil, err
	}
	object.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: address}, {Type: corev1.NodeHostName, Address: n.Name},
	}
	object.Status.DaemonEndpoints.KubeletEndpoint.Port = 1 // where nobody listens
	if n.Metrics != Refuse {
		kubelet, err := c.fakeKubelet(address, fakeKey{page, n.Metrics, n.Configz})
		if err != nil {
			return nil, err
		}
		object.Status.DaemonEndpoints.KubeletEndpoint.Port = kubelet.port
	}
	return object, nil
}

func nodeObject(n FakeNode, version string) *corev1.Node {
	labels := map[string]string{
		corev1.LabelHostname: n.Name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
	}
	for key, value := range n.Labels {
		labels[key] = value
	}
	ready := corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status",
		LastHeartbeatTime: metav1.NewTime(time.Now()), LastTransitionTime: metav1.NewTime(time.Now()),
	}
	if n.NotReady {
		ready.Status, ready.Reason, ready.Message = corev1.ConditionFalse, "KubeletNotReady", "container runtime is down"
	}
	resources := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: labels},
		Status: corev1.NodeStatus{
			Images:   images(n.Images),
			Capacity: resources, Allocatable: resources, Conditions: []corev1.NodeCondition{ready},
			NodeInfo: corev1.NodeSystemInfo{
				KubeletVersion: version, ContainerRuntimeVersion: "containerd://1.6.20",
				OperatingSystem: "linux", Architecture: "amd64", OSImage: "Test", KernelVersion: "6.1.0",
			},
		},
	}
}

// images are as long as those of registries are.
func images(n int) []corev1.ContainerImage {
	var out []corev1.ContainerImage
	for i := range n {
		name := fmt.Sprintf("registry.example/platform/team-%02d/service-%02d", i%7, i)
		out = append(out, corev1.ContainerImage{
			Names:     []string{fmt.Sprintf("%s@sha256:%064x", name, i+1), fmt.Sprintf("%s:v1.%d.%d", name, i, i%9)},
			SizeBytes: int64(i+1) * 1_234_567,
		})
	}
	return out
}

// fakeAddress is where fake kubelets listen: an address that the API server's
// node proxy accepts, which a loopback address is not.
func (c *Cluster) fakeAddress() (string, error) {
	if c.network.real {
		return c.network.host(0), nil
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for _, address := range addresses {
		if prefix, ok := address.(*net.IPNet); ok && prefix.IP.To4() != nil && prefix.IP.IsGlobalUnicast() {
			return prefix.IP.String(), nil
		}
	}
	return "", errors.New("this machine has no address but loopback")
}
