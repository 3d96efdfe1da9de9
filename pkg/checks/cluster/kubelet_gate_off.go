package cluster

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// With the gate off a kubelet of 1.28 to 1.32 rejects the pod when it is bound to its node
// (k8s.io/kubernetes pkg/kubelet/lifecycle/predicate.go); later ones have no such check.
var kubeletGateOff = rule{
	Check: checks.Check{
		ID:       "kubelet-gate-off",
		Title:    "the SidecarContainers gate is on in every kubelet",
		Severity: checks.Error,
		Category: checks.Nodes,
		Needs:    []facts.Kind{facts.Nodes},
		Uses:     []facts.Kind{facts.Kubelets},
	},
	Run: func(s *scene) checks.Outcome {
		all := s.nodes
		list := ordinary(all)
		var o checks.Outcome
		off := gated(list, gate.Off)
		fix := slices.Concat(KubeletGateFix(off), keepAway("Until then", all))
		for _, n := range off {
			o.Findings = append(o.Findings, checks.Finding{
				Object:   n.object(),
				Message:  "the kubelet's SidecarContainers gate is off: it rejects every pod with a native sidecar (reason InitContainerRestartPolicyForbidden)",
				Evidence: n.Evidence(),
				Steps:    fix,
			})
		}
		var open []Node
		for _, n := range gated(list, gate.Unknown) {
			if n.Version == nil {
				o.Missing = append(o.Missing, n.noVersionGap())
			} else {
				open = append(open, n)
			}
		}
		o.Missing = append(o.Missing, unreadKubelets(s.Snapshot, open)...)
		o.Tried = triedGates(all, list)
		return o
	},
}
