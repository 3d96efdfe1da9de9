package checks

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"

// With the gate off a kubelet of 1.28 to 1.32 refuses the pod when it is bound to its node
// (k8s.io/kubernetes pkg/kubelet/lifecycle/predicate.go); later ones have no such check.
var kubeletGateOff = Check{
	ID:       "kubelet-gate-off",
	Title:    "no kubelet has the SidecarContainers gate off",
	Severity: Error,
	Category: NodesGroup,
	Needs:    []facts.Kind{facts.Nodes, facts.Kubelets},
	Optional: []facts.Kind{facts.Kubelets},
	Run: func(s *facts.Snapshot) Outcome {
		all := nodesOf(s)
		list := ordinary(all)
		var o Outcome
		off := gated(list, GateOff)
		fix := paragraphs(kubeletGateFix(off), keepAway("Until then", all))
		for _, n := range off {
			o.Findings = append(o.Findings, Finding{
				Object:   n.object(),
				Message:  "the kubelet's SidecarContainers gate is off: it refuses every pod with a native sidecar (reason InitContainerRestartPolicyForbidden)",
				Evidence: n.evidence(),
				Fix:      fix,
			})
		}
		var open []node
		for _, n := range gated(list, GateUnknown) {
			if n.v == nil {
				o.Missing = append(o.Missing, n.noVersion())
			} else {
				open = append(open, n)
			}
		}
		o.Missing = append(o.Missing, unreadKubelets(s, open)...)
		o.Tried = triedGates(all, list)
		return o
	},
}
