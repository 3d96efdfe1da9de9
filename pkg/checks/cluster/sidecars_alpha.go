package cluster

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// Only nodes are looked at: what 1.28 lacks is in the kubelet (kuberuntime_termination_order.go came
// with 1.29, kubernetes#120620), and a cluster whose API servers are 1.28 has no newer kubelets.
var sidecarsAlpha = rule{
	Check: checks.Check{
		ID:       "sidecars-alpha",
		Title:    "no kubelet runs the alpha (1.28) implementation of sidecars",
		Severity: checks.Warning,
		Category: checks.Nodes,
		Needs:    []facts.Kind{facts.Nodes},
		Uses:     []facts.Kind{facts.Kubelets},
	},
	Run: func(s *scene) checks.Outcome {
		all := s.nodes
		list := ordinary(all)
		o := checks.Outcome{Tried: triedGates(all, list)}
		alpha := slices.DeleteFunc(slices.Clone(list), func(n Node) bool { return n.Version == nil || gate.Minor(n.Version) != gate.FirstMinor })
		fix := NodeUpgrade("1.29 or later", alpha)
		for _, n := range gated(alpha, gate.On) {
			o.Findings = append(o.Findings, checks.Finding{
				Object:   n.object(),
				Message:  "kubelet 1.28 with native sidecars, which are alpha there: when a pod terminates it stops sidecars at the same time as the other containers, so these lose their proxy or log shipper while they still work",
				Evidence: n.Evidence(),
				Steps:    fix,
			})
		}
		o.Missing = unreadKubelets(s.Snapshot, gated(alpha, gate.Unknown))
		for _, n := range list {
			if n.Version == nil {
				o.Missing = append(o.Missing, n.noVersionGap())
			}
		}
		return o
	},
}
