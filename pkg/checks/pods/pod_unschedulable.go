package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// nodeIsComing is a pod for which an autoscaler has said that it brings a node, or whose volume is
// being made for it.
func (p subject) nodeIsComing(text string) bool {
	if strings.Contains(text, "unbound immediate PersistentVolumeClaims") {
		return p.born().below(settle)
	}
	return p.born().below(scaleUp) && len(p.events("TriggeredScaleUp", "Nominated")) > 0
}

var podUnschedulable = podCheck(checks.Check{
	ID:    "pod-unschedulable",
	Title: "every pod gets a node",
	Uses:  slices.Concat(witnessed, owned),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	text, evidence := p.unscheduled()
	if text == "" || strings.Contains(text, schedulerRefuses) || p.nodeIsComing(text) {
		return nil, nil
	}
	f := &checks.Finding{
		Message:  "no node takes the pod, " + p.born().words() + ": " + prose.Clause(text),
		Evidence: evidence,
		Fix:      "Make room for it, or let it ask for less; see what the nodes have left:\n\n" + prose.Indent("kubectl describe nodes | grep -A 8 'Allocated resources'"),
	}
	if sum := p.requests(); sum != "" && strings.Contains(text, "Insufficient") {
		f.Evidence = append(f.Evidence, sum)
		if c := p.greediest(); c != nil {
			f.Fix = "Let the sidecar ask for less, if it needs less (the values are an example):\n\n" +
				indentOr(p.fixContainers(edit{c.Name, map[string]any{"resources": map[string]any{"requests": map[string]string{"cpu": "50m", "memory": "64Mi"}}}}), p.injected(*c, softwareOf(c.Container))) +
				"\n\n" + f.Fix
		}
	}
	if len(p.sidecars()) == 0 {
		f.Evidence = append(f.Evidence, "the pod has no native sidecar: they are not the reason")
	}
	return f, nil
})

// indentOr indents a command; where there is none it is the words instead.
func indentOr(command, words string) string {
	if command == "" {
		return words
	}
	return prose.Indent(command)
}

// requests says what the scheduler counts: the requests of sidecars are added in full to those of
// the regular containers, where plain init containers only raise a maximum.
func (p subject) requests() string {
	var parts []string
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		mains, sidecars := sum(p.mains, name), sum(p.sidecars(), name)
		before, peak := resource.Quantity{}, resource.Quantity{}
		for _, c := range p.inits {
			q := c.Resources.Requests[name]
			if c.sidecar() {
				before.Add(q)
				continue
			}
			use := before.DeepCopy()
			use.Add(q)
			if use.Cmp(peak) > 0 {
				peak = use
			}
		}
		total := mains.DeepCopy()
		total.Add(sidecars)
		if peak.Cmp(total) > 0 {
			total = peak
		}
		if !total.IsZero() {
			parts = append(parts, fmt.Sprintf("%s %s, of which sidecars %s", name, total.String(), sidecars.String()))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "what the scheduler counts: " + strings.Join(parts, "; ")
}

func sum(list []container, name corev1.ResourceName) resource.Quantity {
	out := resource.Quantity{}
	for _, c := range list {
		out.Add(c.Resources.Requests[name])
	}
	return out
}

// greediest is the sidecar with the largest request for CPU or, where none has one, memory; nil
// when no sidecar requests anything.
func (p subject) greediest() *container {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		var most *container
		for _, c := range p.sidecars() {
			q := c.Resources.Requests[name]
			if most == nil && !q.IsZero() || most != nil && q.Cmp(most.Resources.Requests[name]) > 0 {
				most = &c
			}
		}
		if most != nil {
			return most
		}
	}
	return nil
}
