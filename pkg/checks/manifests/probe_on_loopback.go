package manifests

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// The kubelet asks the IP of the pod: what listens on the loopback address only does not answer it.
var probeOnLoopback = podCheck(checks.Check{
	ID:       "probe-on-loopback",
	Title:    "the kubelet reaches the ports that probes ask",
	Severity: checks.Error,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.all() {
		if c.init && !c.native() {
			continue
		}
		for _, pr := range probesOf(c) {
			if said := p.unreached(c, pr.Probe); said != "" {
				out = append(out, p.finding(c, p.at(c, pr.name),
					fmt.Sprintf("the kubelet asks the IP of the pod, but %s listens on the loopback address only: its %s never succeeds%s", c.Name, pr.name, p.soThat(c, pr.name)),
					[]string{c.field(pr.name) + ": " + probeText(pr.Probe), said}, p.reachSteps(c, pr)...))
			}
		}
	}
	return out
})

// A probe is one of a container's, by the name of its field.
type probe struct {
	name string
	*corev1.Probe
}

func probesOf(c *container) []probe {
	var out []probe
	for _, pr := range []probe{{"startupProbe", c.StartupProbe}, {"readinessProbe", c.ReadinessProbe}, {"livenessProbe", c.LivenessProbe}} {
		if pr.Probe != nil {
			out = append(out, pr)
		}
	}
	return out
}

// unreached quotes what says that the kubelet does not reach what a probe asks; empty where nothing does.
func (p *pod) unreached(c *container, pr *corev1.Probe) string {
	host := ""
	switch {
	case pr.HTTPGet != nil:
		host = pr.HTTPGet.Host
	case pr.TCPSocket != nil:
		host = pr.TCPSocket.Host
	case pr.GRPC == nil:
		return ""
	}
	if host != "" {
		return ""
	}
	port := software.ProbePort(c.Container, pr)
	if port == 0 {
		return ""
	}
	if reach, by := software.ReachOf(c.Container, software.Binds(c.Container), port); reach == software.LoopbackOnly {
		return by.From
	}
	return ""
}

// soThat is what follows from a probe that never succeeds.
func (p *pod) soThat(c *container, name string) string {
	switch {
	case name == "startupProbe" && c.native():
		return ", and no container after it starts"
	case name == "readinessProbe":
		return ", and the pod never becomes ready"
	}
	return ", and it is restarted again and again"
}

func (p *pod) reachSteps(c *container, pr probe) []checks.Step {
	if steps := p.probeSteps(c); pr.name == "startupProbe" && len(steps) > 0 {
		return steps
	}
	return []checks.Step{do("Let %s listen on all addresses, or ask it with a command in its image (exec) instead.", c.Name)}
}
