package checks

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"

// minorJobFinish is the first version whose controller manager asks for the gate at all
// (pkg/controller/job/backoff_utils.go, kubernetes#124942).
const minorJobFinish = 31

// It is a warning: the pods are made and run as they should, only times are wrong.
var controllerManagerGateOff = Check{
	ID:       "controller-manager-gate-off",
	Title:    "no kube-controller-manager ignores sidecars when it times Jobs",
	Severity: Warning,
	Category: ControlPlane,
	Needs:    []facts.Kind{facts.APIServers, facts.ControlPlane},
	Optional: []facts.Kind{facts.APIServers, facts.ControlPlane},
	Run: func(s *facts.Snapshot) Outcome {
		return componentOf(s, controllerManager).gateOff(s, minorJobFinish,
			"the SidecarContainers gate of this kube-controller-manager is off: when it computes a Job's back-off it leaves sidecars out of the time at which a failed pod finished",
			"ask the provider for the feature gates of kube-controller-manager: it serves them only on its own port")
	},
}
