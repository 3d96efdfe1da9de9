package pods

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// refusedByKubelet is the reason of kubelets 1.28 to 1.32 with the gate off
// (k8s.io/kubernetes pkg/kubelet/lifecycle/predicate.go); 1.33 and later have no such check.
const refusedByKubelet = "InitContainerRestartPolicyForbidden"

var quotedName = regexp.MustCompile(`"([^"]+)"`)

var kubeletRefusesSidecars = podCheck(checks.Check{
	ID:    "kubelet-refuses-sidecars",
	Title: "no kubelet has refused a pod because of its native sidecars",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Nodes, facts.Kubelets}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.Status.Reason != refusedByKubelet {
		return nil, nil
	}
	name := "a sidecar"
	if m := quotedName.FindStringSubmatch(p.Status.Message); m != nil {
		name = m[1]
	}
	f := &checks.Finding{
		Container: name,
		Message:   fmt.Sprintf("the kubelet of %s refused the pod because of sidecar %s: its SidecarContainers gate is off", p.Spec.NodeName, name),
		Evidence:  []string{fmt.Sprintf("status.phase: %s, status.reason: %s, status.message: %s", p.Status.Phase, p.Status.Reason, prose.OneLine(p.Status.Message))},
		Fix:       checks.FixOf(cluster.KubeletGateFix(nil)),
		Because:   []string{checks.KubeletGateOff},
	}
	f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.events(refusedByKubelet), 1)...)
	if p.node != nil {
		for _, line := range p.node.Evidence() {
			f.Evidence = append(f.Evidence, "node "+p.node.Name+": "+line)
		}
		f.Fix = checks.FixOf(cluster.KubeletGateFix([]cluster.Node{*p.node}))
	}
	f.Fix = prose.Paragraphs(f.Fix, "Until then keep these pods away from that node:", prose.Indent(p.avoidNode()))
	return f, nil
})
