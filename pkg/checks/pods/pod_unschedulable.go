package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var podUnschedulable = podCheck(checks.Check{
	ID:    "pod-unschedulable",
	Title: "every pod can be scheduled",
	Uses:  slices.Concat(witnessed, owned),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if len(p.Spec.SchedulingGates) > 0 {
		return p.heldBack()
	}
	text, evidence := p.unscheduled()
	if text == "" || strings.Contains(text, schedulerRefuses) || p.nodeIsComing(text) {
		return nil, nil
	}
	f := &checks.Finding{
		Message:  "no node fits the pod, " + p.born().words() + ": " + prose.Clause(text),
		Evidence: evidence,
	}
	if sum := requests(p.Pod); sum != "" && strings.Contains(text, "Insufficient") {
		f.Evidence = append(f.Evidence, sum)
		f.Steps = p.lessSteps(text)
		if p.Spec.Resources != nil && len(p.Spec.Resources.Requests) > 0 {
			f.Evidence = append(f.Evidence, "the pod has requests of its own (spec.resources), which count instead of those of its containers")
		}
	}
	if strings.Contains(text, noFreePorts) {
		f.Evidence = append(f.Evidence, p.hostPortEvidence()...)
		f.Steps = append(f.Steps, p.hostPortSteps()...)
	}
	f.Evidence = append(f.Evidence, p.deviceEvidence(text)...)
	f.Steps = append(f.Steps, p.deviceSteps(text)...)
	f.Steps = append(f.Steps, p.unfitSteps(text)...)
	if len(p.sidecars()) == 0 {
		f.Evidence = append(f.Evidence, "the pod has no native sidecar: they are not the reason")
	}
	return f, nil
})

// nodeIsComing reports whether an autoscaler has said that it brings a node for the pod, or a volume is
// being made for it.
func (p subject) nodeIsComing(text string) bool {
	if strings.Contains(text, "unbound immediate PersistentVolumeClaims") {
		return p.born().below(settle)
	}
	return p.born().below(scaleUp) && len(p.events("TriggeredScaleUp", "Nominated")) > 0
}

// requests says what the scheduler counts: the requests of sidecars are added in full to those of
// the regular containers, where plain init containers only raise a maximum.
func requests(p *corev1.Pod) string {
	total := resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{})
	var parts []string
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		all, sidecars := total[name], resource.Quantity{}
		for i := range p.Spec.InitContainers {
			if c := &p.Spec.InitContainers[i]; facts.RestartsAlways(c) {
				sidecars.Add(c.Resources.Requests[name])
			}
		}
		if !all.IsZero() {
			parts = append(parts, fmt.Sprintf("%s %s (sidecars: %s)", name, all.String(), sidecars.String()))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "what the scheduler counts: " + strings.Join(parts, "; ")
}

// examples are requests that many sidecars make do with.
var examples = map[corev1.ResourceName]resource.Quantity{corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")}

// lessSteps lower what a sidecar requests of what the nodes lack. What it requests of other things stays, and nothing
// becomes more. Requests of the pod count instead of those of its containers: then there is nothing to lower there.
func (p subject) lessSteps(text string) []checks.Step {
	requests := map[string]string{}
	var short []corev1.ResourceName
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		ofPod := p.Spec.Resources != nil && !p.Spec.Resources.Requests.Name(name, resource.DecimalSI).IsZero()
		if strings.Contains(text, "Insufficient "+string(name)) && !ofPod {
			short = append(short, name)
		}
	}
	c := p.greediest(short)
	if c == nil {
		return nil
	}
	for _, name := range short {
		if less, q := examples[name], c.Resources.Requests[name]; q.Cmp(less) > 0 {
			requests[string(name)] = less.String()
		}
	}
	if len(requests) == 0 {
		return nil
	}
	return p.exampleSteps("If the sidecar needs less than it requests, lower its requests", *c, edit{c.Name, map[string]any{"resources": map[string]any{"requests": requests}}})
}

// greediest is the sidecar with the largest request for the first of some resources that any requests; nil
// when no sidecar requests anything of them.
func (p subject) greediest(names []corev1.ResourceName) *container {
	for _, name := range names {
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
