package cluster

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// It is a warning, not an error: a pod gets to such a node only when it tolerates its taint (or, on
// Fargate, when a profile picks it), so the rest of the cluster is not affected. A virtual node without a
// taint accepts any pod, and the other node checks treat it like any other.
var nodeCannotRunSidecars = rule{
	Check: checks.Check{
		ID:       "node-cannot-run-sidecars",
		Title:    "every node runs a real kubelet (no virtual nodes)",
		Severity: checks.Warning,
		Category: checks.Nodes,
		Needs:    []facts.Kind{facts.Nodes},
		Uses:     []facts.Kind{facts.Kubelets},
	},
	Run: func(s *scene) checks.Outcome {
		all := s.nodes
		var virtual []Node
		for _, n := range all {
			if n.Virtual != "" {
				virtual = append(virtual, n)
			}
		}
		o := checks.Outcome{Tried: prose.Counted(len(all), "node")}
		fix := slices.Concat([]checks.Step{{
			Text: "Do not send pods with native sidecars there, unless its provider says that it supports them: remove their toleration for it (on Fargate: their profile).",
		}}, keepAway("To be sure,", all))
		for _, n := range virtual {
			evidence := n.Evidence()
			for _, t := range n.Spec.Taints {
				evidence = append(evidence, "taint: "+t.ToString())
			}
			o.Findings = append(o.Findings, checks.Finding{
				Object:   n.object(),
				Message:  "this is a virtual node: a service of its provider runs its pods, and the version it shows does not tell whether that service supports native sidecars",
				Evidence: evidence,
				Steps:    fix,
			})
		}
		return o
	},
}
