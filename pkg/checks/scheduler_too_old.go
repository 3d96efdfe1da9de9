package checks

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"

// A scheduler up to 1.27 decodes a sidecar as an ordinary init container, of which it takes the
// largest request instead of adding it (k8s.io/kubernetes pkg/api/v1/resource/helpers.go).
var schedulerTooOld = Check{
	ID:       "scheduler-too-old",
	Title:    "every kube-scheduler is 1.28 or later",
	Severity: Error,
	Category: ControlPlane,
	Needs:    []facts.Kind{facts.APIServers, facts.ControlPlane},
	Optional: []facts.Kind{facts.APIServers, facts.ControlPlane},
	Run: func(s *facts.Snapshot) Outcome {
		return componentOf(s, scheduler).tooOld(s,
			"this kube-scheduler is older than 1.28: it does not add a sidecar's requests to the pod's, and sends pods to nodes on which they do not fit")
	},
}
