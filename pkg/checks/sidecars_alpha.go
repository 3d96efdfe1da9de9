package checks

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Only nodes are looked at: what 1.28 lacks is in the kubelet (kuberuntime_termination_order.go came
// with 1.29, kubernetes#120620), and a cluster whose API servers are 1.28 has no newer kubelets.
var sidecarsAlpha = Check{
	ID:       "sidecars-alpha",
	Title:    "no kubelet runs sidecars as 1.28 does, where they were alpha",
	Severity: Warning,
	Category: NodesGroup,
	Needs:    []facts.Kind{facts.Nodes, facts.Kubelets},
	Optional: []facts.Kind{facts.Kubelets},
	Run: func(s *facts.Snapshot) Outcome {
		all := nodesOf(s)
		list := ordinary(all)
		o := Outcome{Tried: triedGates(all, list)}
		alpha := slices.DeleteFunc(slices.Clone(list), func(n node) bool { return n.v == nil || minor(n.v) != minorKnown })
		fix := nodeUpgrade("1.29 or later", alpha)
		for _, n := range gated(alpha, GateOn) {
			o.Findings = append(o.Findings, Finding{
				Object:   n.object(),
				Message:  "kubelet 1.28 with native sidecars, which are alpha there: when a pod ends it stops sidecars at the same time as the other containers, so that these lose their proxy or log shipper while they still work",
				Evidence: n.evidence(),
				Fix:      fix,
			})
		}
		o.Missing = unreadKubelets(s, gated(alpha, GateUnknown))
		for _, n := range list {
			if n.v == nil {
				o.Missing = append(o.Missing, n.noVersion())
			}
		}
		return o
	},
}
