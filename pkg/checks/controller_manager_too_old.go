package checks

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"

// A controller manager up to 1.27 decodes a template without the field and writes pods without it.
// The version skew policy allows it next to API servers of 1.28.
var controllerManagerTooOld = Check{
	ID:       "controller-manager-too-old",
	Title:    "every kube-controller-manager is 1.28 or later",
	Severity: Error,
	Category: ControlPlane,
	Needs:    []facts.Kind{facts.APIServers, facts.ControlPlane},
	Optional: []facts.Kind{facts.APIServers, facts.ControlPlane},
	Run: func(s *facts.Snapshot) Outcome {
		return componentOf(s, controllerManager).tooOld(s,
			"this kube-controller-manager is older than 1.28: the pods that it makes for Deployments, Jobs and the like lose restartPolicy of their init containers")
	},
}
