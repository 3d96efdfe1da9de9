package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// minorJobFinish is the first version whose controller manager asks for the gate at all
// (pkg/controller/job/backoff_utils.go, kubernetes#124942).
const minorJobFinish = 31

// It is a warning: the pods are created and run as they should, only times are wrong.
var controllerManagerGateOff = rule{
	Check: checks.Check{
		ID:       "controller-manager-gate-off",
		Title:    "every kube-controller-manager counts sidecars when it times Jobs",
		Severity: checks.Warning,
		Category: checks.ControlPlane,
		Uses:     []facts.Kind{facts.APIServers, facts.ControlPlane},
	},
	Run: gateOff(controllerManager, minorJobFinish,
		"the SidecarContainers gate of this kube-controller-manager is off: when it computes a Job's back-off it leaves sidecars out of the time at which a failed pod finished",
		facts.Do("ask the provider for the feature gates of kube-controller-manager: it serves them only on its own port")),
}
