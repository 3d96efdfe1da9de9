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
			if message, fields, steps := p.unreached(c, pr); message != "" {
				out = append(out, p.finding(c, p.at(c, pr.name), message, append([]string{c.field(pr.name) + ": " + probeText(pr.Probe)}, fields...), steps...))
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

// unreached says why the kubelet does not reach what a probe asks, with what says so beside the probe; empty where
// nothing does.
func (p *pod) unreached(c *container, pr probe) (message string, evidence []string, steps []checks.Step) {
	switch miss, by := software.MissOf(p.Spec(), c.Container, software.Binds(c.Container), pr.Probe); miss {
	case software.AtNode:
		return fmt.Sprintf("host: %s in a probe is the node, not the pod: the %s of %s never asks %s", software.ProbeHost(pr.Probe), pr.name, c.Name, c.Name),
			nil, []checks.Step{do("Remove host from the probe: the IP of the pod is the default.")}
	case software.NoPort:
		return fmt.Sprintf("the %s of %s asks port %s, and %s declares no port of that name: the kubelet has nothing to ask%s",
				pr.name, c.Name, software.ProbePortName(pr.Probe), c.Name, p.soThat(c, pr)),
			nil, []checks.Step{do("Declare the port in %s, or ask its number.", c.Name)}
	case software.OnLoopback:
		return fmt.Sprintf("the kubelet asks the IP of the pod, but %s listens on the loopback address only: its %s never succeeds%s", c.Name, pr.name, p.soThat(c, pr)),
			[]string{by.From}, p.reachSteps(c, pr)
	}
	return "", nil, nil
}

// soThat is what follows from a probe that never succeeds.
func (p *pod) soThat(c *container, pr probe) string {
	unasked := software.ProbePort(c.Container, pr.Probe) == 0
	switch {
	case pr.name == "startupProbe" && c.native():
		return ", and no container after it starts"
	case pr.name == "readinessProbe" || pr.name == "startupProbe" && unasked:
		return ", and the pod never becomes ready"
	case unasked:
		return ", and never restarts it"
	}
	return ", and it is restarted again and again"
}

func (p *pod) reachSteps(c *container, pr probe) []checks.Step {
	if steps := p.probeSteps(c); pr.name == "startupProbe" && len(steps) > 0 {
		return steps
	}
	return []checks.Step{do("Let %s listen on all addresses, or ask it with a command in its image (exec) instead.", c.Name)}
}
