package checks

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// refusedByKubelet is the reason of kubelets 1.28 to 1.32 with the gate off
// (k8s.io/kubernetes pkg/kubelet/lifecycle/predicate.go); 1.33 and later have no such check.
const refusedByKubelet = "InitContainerRestartPolicyForbidden"

var quotedName = regexp.MustCompile(`"([^"]+)"`)

var kubeletRefusesSidecars = podCheck(Check{
	ID:    "kubelet-refuses-sidecars",
	Title: "no kubelet has refused a pod because of its native sidecars",
	Needs: slices.Concat(witnessed, owned, []facts.Kind{facts.Nodes, facts.Kubelets}),
}, func(p subject) (*Finding, []facts.Gap) {
	if p.Status.Reason != refusedByKubelet {
		return nil, nil
	}
	name := "a sidecar"
	if m := quotedName.FindStringSubmatch(p.Status.Message); m != nil {
		name = m[1]
	}
	f := &Finding{
		Message:  fmt.Sprintf("the kubelet of %s refused the pod because of sidecar %s: its SidecarContainers gate is off", p.Spec.NodeName, name),
		Evidence: []string{fmt.Sprintf("status.phase: %s, status.reason: %s, status.message: %s", p.Status.Phase, p.Status.Reason, oneLine(p.Status.Message))},
		Fix:      kubeletGateFix(nil),
		Because:  []string{kubeletGateOff.ID},
	}
	f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.events(refusedByKubelet), 1)...)
	if p.node != nil {
		for _, line := range p.node.evidence() {
			f.Evidence = append(f.Evidence, "node "+p.node.Name+": "+line)
		}
		f.Fix = kubeletGateFix([]node{*p.node})
	}
	f.Fix = paragraphs(f.Fix, "Until then keep these pods away from that node:", indent(p.avoidNode()))
	return f, nil
})
