package software

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// ProbeHost is the host that a probe asks; "" for the IP of the pod, which is the default.
func ProbeHost(p *corev1.Probe) string {
	switch {
	case p.HTTPGet != nil:
		return p.HTTPGet.Host
	case p.TCPSocket != nil:
		return p.TCPSocket.Host
	}
	return ""
}

// AsksNode reports whether a probe of a container asks the node in place of the pod: a loopback address is that of the
// kubelet, which asks. With hostNetwork it is the container's, too; a hostPort leads to the container from there.
func AsksNode(spec *corev1.PodSpec, c *corev1.Container, p *corev1.Probe) bool {
	port := int32(ProbePort(c, p))
	return !spec.HostNetwork && LoopbackHost(ProbeHost(p)) &&
		!slices.ContainsFunc(c.Ports, func(own corev1.ContainerPort) bool { return own.HostPort != 0 && own.HostPort == port })
}

// A Miss is why the kubelet does not reach what a probe asks.
type Miss int

const (
	// NoMiss: nothing says that it does not.
	NoMiss Miss = iota
	// AtNode: it asks the node.
	AtNode
	// NoPort: it asks a port by a name that the container does not declare. The kubelet looks for a name in the container's
	// own ports, and throws away the result of a probe that cannot be made: k8s.io/kubernetes v1.36.3 pkg/probe/util.go,
	// pkg/kubelet/prober/worker.go.
	NoPort
	// OnLoopback: the container listens there for its own pod only.
	OnLoopback
)

// MissOf is why the kubelet does not reach what a probe of a container asks that listens on binds; because says so of
// OnLoopback.
func MissOf(spec *corev1.PodSpec, c *corev1.Container, binds []Bind, p *corev1.Probe) (miss Miss, because Bind) {
	port := ProbePort(c, p)
	switch {
	case AsksNode(spec, c, p):
		return AtNode, Bind{}
	case port == 0 && ProbePortName(p) != "":
		return NoPort, Bind{}
	case port == 0 || ProbeHost(p) != "":
		return NoMiss, Bind{}
	}
	if reach, by := ReachOf(c, binds, port); reach == LoopbackOnly {
		return OnLoopback, by
	}
	return NoMiss, Bind{}
}
