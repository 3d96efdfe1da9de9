package cluster

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// A kubelet up to 1.27 does not see the field (k8s.io/api v0.27 Container has no such field), and
// nothing rejects the pod: the scheduler looks at no kubelet's version. KEP-753, "Version Skew".
var kubeletTooOld = rule{
	Check: checks.Check{
		ID:       "kubelet-too-old",
		Title:    "every kubelet is 1.28 or later",
		Severity: checks.Error,
		Category: checks.Nodes,
		Needs:    []facts.Kind{facts.Nodes},
		Uses:     []facts.Kind{facts.Kubelets},
	},
	Run: func(s *scene) checks.Outcome {
		all := s.nodes
		list := ordinary(all)
		o := checks.Outcome{Tried: triedNodes(all, list, "by kubelet version")}
		old := gated(list, gate.Unsupported)
		fix := slices.Concat(NodeUpgrade("1.29 or later", old), keepAway("Until then", all))
		for _, n := range old {
			o.Findings = append(o.Findings, checks.Finding{
				Object:   n.object(),
				Message:  "the kubelet is older than 1.28: it runs a native sidecar as an ordinary init container and waits forever for it to exit (the pod stays in Init)",
				Evidence: n.Evidence(),
				Steps:    fix,
			})
		}
		for _, n := range gated(list, gate.Unknown) {
			if n.Version == nil {
				o.Missing = append(o.Missing, n.noVersionGap())
			}
		}
		return o
	},
}
