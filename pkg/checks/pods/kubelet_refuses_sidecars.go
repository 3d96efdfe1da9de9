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
	Title: "kubelets accept pods with native sidecars",
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
		Message:   fmt.Sprintf("the kubelet of %s rejected the pod because of sidecar %s: the SidecarContainers gate is off there", p.Spec.NodeName, name),
		Evidence:  []string{fmt.Sprintf("status.phase: %s, status.reason: %s, status.message: %s", p.Status.Phase, p.Status.Reason, prose.OneLine(p.Status.Message))},
		Because:   []string{checks.KubeletGateOff},
	}
	f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.events(refusedByKubelet), 1)...)
	var nodes []cluster.Node
	if p.node != nil {
		for _, line := range p.node.Evidence() {
			f.Evidence = append(f.Evidence, "node "+p.node.Name+": "+line)
		}
		nodes = append(nodes, *p.node)
	}
	f.Steps = append(cluster.KubeletGateFix(nodes), p.avoidStep("Until then keep these pods away from that node"))
	return f, nil
})
