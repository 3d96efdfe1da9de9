package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A controller manager up to 1.27 decodes a template without the field and writes pods without it.
// The version skew policy allows it next to API servers of 1.28.
var controllerManagerTooOld = rule{
	Check: checks.Check{
		ID:       "controller-manager-too-old",
		Title:    "every kube-controller-manager is 1.28 or later",
		Severity: checks.Error,
		Category: checks.ControlPlane,
		Uses:     []facts.Kind{facts.APIServers, facts.ControlPlane},
	},
	Run: tooOld(controllerManager,
		"this kube-controller-manager is older than 1.28: the pods that it creates for Deployments, Jobs and the like lose restartPolicy of their init containers"),
}
