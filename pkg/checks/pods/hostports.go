package pods

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A port of the node is for one pod. A rollout that starts the new pod before it stops the old one then waits forever, where
// each node that the pod may go to has one of the old ones.

const noFreePorts = "didn't have free ports"

// A hostPort is a port of its node that a container takes.
type hostPort struct {
	container container
	index     int
	port      corev1.ContainerPort
}

// hostPorts are those of a pod, in start order.
func (p subject) hostPorts() []hostPort {
	var out []hostPort
	for _, c := range p.all() {
		if c.init && !c.sidecar() {
			continue
		}
		for i, port := range c.Ports {
			if port.HostPort > 0 {
				out = append(out, hostPort{c, i, port})
			}
		}
	}
	return out
}

// holders are the pods that have one of the ports, as far as they were read.
func (p subject) holders() []subject {
	var out []subject
	mine := p.hostPorts()
	for i := range p.s.Pods {
		o := &p.s.Pods[i]
		if o.Spec.NodeName == "" || o.UID == p.UID && o.Name == p.Name {
			continue
		}
		x := p.s.subject(o)
		if !x.finished() && slices.ContainsFunc(x.hostPorts(), func(theirs hostPort) bool {
			return slices.ContainsFunc(mine, func(h hostPort) bool {
				return h.port.HostPort == theirs.port.HostPort && protocol(h.port) == protocol(theirs.port)
			})
		}) {
			out = append(out, x)
		}
	}
	return out
}

func protocol(port corev1.ContainerPort) corev1.Protocol {
	if port.Protocol == "" {
		return corev1.ProtocolTCP
	}
	return port.Protocol
}

func (p subject) hostPortEvidence() []string {
	var out []string
	for _, h := range p.hostPorts() {
		out = append(out, fmt.Sprintf("%s has hostPort %d", h.container.role(), h.port.HostPort))
	}
	for _, x := range p.holders() {
		out = append(out, fmt.Sprintf("pod %s/%s, on node %s, has it", x.Namespace, x.Name, x.Spec.NodeName))
	}
	return out
}

// hostPortSteps free the port, or do without it.
func (p subject) hostPortSteps() []checks.Step {
	var out []checks.Step
	m := p.target()
	if slices.ContainsFunc(p.holders(), func(x subject) bool { return x.top() == p.top() }) && m.rollout.surges {
		patch := encode(map[string]any{"spec": map[string]any{"strategy": map[string]any{
			"type": string(appsv1.RollingUpdateDeploymentStrategyType), "rollingUpdate": map[string]any{"maxSurge": 0, "maxUnavailable": 1},
		}}})
		out = append(out, checks.Step{
			Text:    fmt.Sprintf("The port is that of a pod of the same Deployment, which is stopped only when the new one is ready. Have %s stop the old pod first:", m.Name),
			Command: prose.Shell("kubectl patch deployment %s -n %s --type=merge -p %s", m.Name, m.Namespace, patch),
		})
	}
	if p.Spec.HostNetwork {
		return out
	}
	for _, h := range p.hostPorts() {
		out = append(out, p.withoutHostPort(h)...)
	}
	return out
}

// withoutHostPort takes the port of the node from a container; what it listens on in the pod stays.
func (p subject) withoutHostPort(h hostPort) []checks.Step {
	m := p.target()
	text := fmt.Sprintf("If nobody connects to port %d of the node, do without it; the container still listens on port %d of the pod", h.port.HostPort, h.port.ContainerPort)
	found, init, i := m.container(h.container.Name)
	if found == nil || p.static() || p.injected(h.container.Name) || h.index >= len(found.Ports) || found.Ports[h.index].HostPort != h.port.HostPort {
		ports := []any{map[string]any{"containerPort": h.port.ContainerPort, "hostPort": nil}}
		return append([]checks.Step{textStep(text)}, p.elsewhere(h.container, edit{h.container.Name, map[string]any{"ports": ports}})...)
	}
	at := fmt.Sprintf("%s/%d", m.listPath(init), i)
	ops := []op{
		{Op: "test", Path: at + "/name", Value: found.Name},
		{Op: "test", Path: fmt.Sprintf("%s/ports/%d/hostPort", at, h.index), Value: h.port.HostPort},
		{Op: "remove", Path: fmt.Sprintf("%s/ports/%d/hostPort", at, h.index)},
	}
	return []checks.Step{p.changeStep(text, p.command(m, "json", encode(ops)))}
}
