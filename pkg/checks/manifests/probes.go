package manifests

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// probeSteps say which startupProbe to give a container; why none, where none is known that the kubelet can pass.
func (p *pod) probeSteps(c *container) []checks.Step {
	j := p.of(c)
	if j == nil || c.StartupProbe != nil {
		return nil
	}
	switch n := j.Proposal; {
	case n.Given() && n.Fields != nil:
		text := p.s.probe(n.Fields)
		if text == "" {
			return nil
		}
		out := []checks.Step{write(fmt.Sprintf("Give %s a startupProbe, so what comes next waits until it answers:", c.Name), text)}
		if n.Doubt == roles.MayBeLoopback {
			out = append(out, do("A declared port does not prove that %s listens on the IP of the pod, which the kubelet asks: make sure of that.", c.Name))
		}
		return out
	case n.Given():
		return []checks.Step{do("Give %s a startupProbe with the content of its %s, so what comes next waits until it answers.", c.Name, n.Own)}
	case len(n.Words) > 0 && n.Fields != nil:
		var words []string
		for _, w := range n.Words {
			words = append(words, w.New)
		}
		text := p.s.probe(n.Fields)
		if text == "" {
			return nil
		}
		return []checks.Step{write(fmt.Sprintf("Add %s to its command line, and give %s a startupProbe:", prose.List(words, "and"), c.Name), text)}
	case n.Doubt == roles.NotNeeded || !p.judged.DependedOn(c.Name):
		return nil
	}
	return []checks.Step{do("No startupProbe is known that the kubelet can pass: ask with a command in its image (exec), or let it open a health endpoint on all addresses.")}
}

// probe is a startupProbe as YAML. Many workloads get the same one, and writing YAML costs more than all else that a finding
// says.
func (s *scene) probe(fields map[string]any) string {
	key := fmt.Sprintf("%#v", fields) // with types: a port may be a name of digits
	if text, there := s.probes.Load(key); there {
		return text.(string)
	}
	text, err := yaml.Marshal(map[string]any{"startupProbe": fields})
	if err != nil {
		return ""
	}
	out := strings.TrimSuffix(string(text), "\n")
	s.probes.Store(key, out)
	return out
}

// withoutProbes is a copy of a container without its probes.
func withoutProbes(c *corev1.Container) *corev1.Container {
	out := *c
	out.StartupProbe, out.ReadinessProbe, out.LivenessProbe = nil, nil, nil
	return &out
}

// commandQuote is a container's command line as evidence.
func commandQuote(c *container) []string {
	if text := software.CommandLine(c.Container); text != "" {
		return []string{c.field("command") + ": " + prose.OneLine(text)}
	}
	return []string{c.field("image: " + c.Image)}
}

// probeText is what a probe asks.
func probeText(pr *corev1.Probe) string {
	h := corev1.LifecycleHandler{Exec: pr.Exec, HTTPGet: pr.HTTPGet, TCPSocket: pr.TCPSocket}
	if pr.GRPC != nil {
		return fmt.Sprintf("grpc: port %d", pr.GRPC.Port)
	}
	return software.Handler(&h)
}
