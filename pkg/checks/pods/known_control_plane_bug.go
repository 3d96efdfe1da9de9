package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The controllers do not show their version to everybody. What they wrote is proof enough: a slice
// with the pod and without the port.
var knownControlPlaneBug = podCheck(checks.Check{
	ID:    checks.KnownControlPlaneBug,
	Title: "every Service reaches the sidecar port it names",
	Uses:  []facts.Kind{facts.Services, facts.EndpointSlices},
}, func(p subject) (*checks.Finding, []facts.Gap) {
	// Where nobody looked (a scan of a newer cluster, a file without Services) the pod is as well as it looks.
	if !facts.NeedsServices(p.Pod) || !p.s.Has(facts.Services) {
		return nil, nil
	}
	gaps := p.gapsIn(facts.Services, facts.NamespaceInstance(p.Namespace))
	var lost []lostPort
	for i := range p.s.Services {
		service := &p.s.Services[i]
		ports := facts.SidecarPorts(service, p.Pod)
		if len(ports) == 0 {
			continue
		}
		gaps = append(gaps, p.gapsIn(facts.EndpointSlices, facts.ServiceInstance(service.Namespace, service.Name))...)
		for _, port := range ports {
			if slice := p.sliceWithout(service, port.Port.Name); slice != nil {
				lost = append(lost, lostPort{port, service, slice})
			}
		}
	}
	if len(lost) == 0 {
		return nil, gaps
	}
	return lostFinding(lost), gaps
})

// A lostPort is a sidecar's port that a Service does not reach.
type lostPort struct {
	facts.SidecarPort
	service *corev1.Service
	slice   *discoveryv1.EndpointSlice
}

// sliceWithout is a slice of the Service that lists the pod without the port, whose name is "" where it is the only one; nil when one lists it
// with the port, and when none lists it: that takes the controllers a moment.
func (p subject) sliceWithout(s *corev1.Service, port string) *discoveryv1.EndpointSlice {
	var out *discoveryv1.EndpointSlice
	for i := range p.s.EndpointSlices {
		slice := &p.s.EndpointSlices[i]
		if slice.Namespace != s.Namespace || slice.Labels[discoveryv1.LabelServiceName] != s.Name || !p.in(slice) {
			continue
		}
		if slices.ContainsFunc(slice.Ports, func(x discoveryv1.EndpointPort) bool { return ptr.Deref(x.Name, "") == port }) {
			return nil
		}
		out = slice
	}
	return out
}

func (p subject) in(slice *discoveryv1.EndpointSlice) bool {
	return slices.ContainsFunc(slice.Endpoints, func(e discoveryv1.Endpoint) bool {
		return e.TargetRef != nil && e.TargetRef.Name == p.Name && (e.TargetRef.UID == "" || p.UID == "" || e.TargetRef.UID == p.UID)
	})
}

// gapsIn is what was not read of a kind, as a whole or of one instance, as gaps of the pod.
func (p subject) gapsIn(kind facts.Kind, of facts.Instance) []facts.Gap {
	gaps := checks.Unread(p.s.Snapshot, kind)
	for _, g := range p.s.Gaps {
		if g.Kind == kind && g.Instance == of {
			gaps = append(gaps, g)
		}
	}
	for i, g := range gaps {
		gaps[i] = p.gap(kind, g.Reason, g.HowToClose())
	}
	return gaps
}

func lostFinding(lost []lostPort) *checks.Finding {
	first := lost[0]
	f := &checks.Finding{Message: fmt.Sprintf(
		"Service %s port %d does not reach sidecar %s: kube-controller-manager before 1.33 does not find a sidecar's port by its name (%q)",
		first.service.Name, first.Port.Port, first.Sidecar, first.Target.Name)}
	var services []*corev1.Service
	ops := map[*corev1.Service][]op{}
	for _, l := range lost {
		for _, e := range l.evidence() {
			f.Evidence = prose.AddOnce(f.Evidence, e)
		}
		if ops[l.service] == nil {
			services = append(services, l.service)
		}
		at := fmt.Sprintf("/spec/ports/%d/targetPort", l.Index)
		ops[l.service] = append(ops[l.service], op{Op: "test", Path: at, Value: l.Target.Name}, op{Op: "replace", Path: at, Value: l.Target.ContainerPort})
	}
	f.Evidence = append(f.Evidence, "kubernetes#127976, #128850; fixed in 1.33.0")
	var patches []string
	for _, s := range services {
		patches = append(patches, prose.Shell("kubectl patch service %s -n %s --type=json -p %s", s.Name, s.Namespace, encode(ops[s])))
	}
	f.Steps = []checks.Step{
		{Text: "Give the Service the number of the port. That works in every version, and no pod has to be recreated:", Command: strings.Join(patches, "\n")},
		{Text: "Or upgrade kube-controller-manager to 1.33 or later."},
	}
	return f
}

// evidence is the Service, the container, and what became of them.
func (l lostPort) evidence() []string {
	name := ""
	if l.Port.Name != "" {
		name = fmt.Sprintf("name: %s, ", l.Port.Name)
	}
	has := "ports: none"
	for i, port := range l.slice.Ports {
		if i == 0 {
			has = "ports without it:"
		}
		has += fmt.Sprintf(" %q", ptr.Deref(port.Name, ""))
	}
	return []string{
		fmt.Sprintf("spec.ports[%d] of Service %s: {%sport: %d, targetPort: %s}", l.Index, l.service.Name, name, l.Port.Port, l.Target.Name),
		fmt.Sprintf("ports of sidecar %s: {name: %s, containerPort: %d}; no regular container has a port of this name", l.Sidecar, l.Target.Name, l.Target.ContainerPort),
		fmt.Sprintf("EndpointSlice %s lists the pod, %s", l.slice.Name, has),
	}
}
