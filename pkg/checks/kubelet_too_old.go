package checks

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"

// A kubelet up to 1.27 does not see the field (k8s.io/api v0.27 Container has no such field), and
// nothing refuses the pod: the scheduler looks at no kubelet's version. KEP-753, "Version Skew".
var kubeletTooOld = Check{
	ID:       "kubelet-too-old",
	Title:    "every kubelet is 1.28 or later",
	Severity: Error,
	Category: NodesGroup,
	Needs:    []facts.Kind{facts.Nodes, facts.Kubelets},
	Optional: []facts.Kind{facts.Kubelets},
	Run: func(s *facts.Snapshot) Outcome {
		all := nodesOf(s)
		list := ordinary(all)
		o := Outcome{Tried: triedNodes(all, list, "by kubelet version")}
		old := gated(list, GateUnsupported)
		fix := paragraphs(nodeUpgrade("1.29 or later", old), keepAway("Until then", all))
		for _, n := range old {
			o.Findings = append(o.Findings, Finding{
				Object:   n.object(),
				Message:  "the kubelet is older than 1.28: it runs a native sidecar as an ordinary init container and waits for ever for it to end (the pod stays in Init)",
				Evidence: n.evidence(),
				Fix:      fix,
			})
		}
		for _, n := range gated(list, GateUnknown) {
			if n.v == nil {
				o.Missing = append(o.Missing, n.noVersion())
			}
		}
		return o
	},
}
