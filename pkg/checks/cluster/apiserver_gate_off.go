package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// With the gate off an API server drops the field before it validates and stores an object, unless
// the stored object has it already (k8s.io/kubernetes pkg/api/pod/util.go, dropDisabledFields).
var apiserverGateOff = rule{
	Check: checks.Check{
		ID:       "apiserver-gate-off",
		Title:    "the SidecarContainers gate is on in every API server",
		Severity: checks.Error,
		Category: checks.ControlPlane,
		Uses:     []facts.Kind{facts.APIServers, facts.ControlPlane},
	},
	Run: func(s *scene) checks.Outcome {
		f := s.apiServers
		return f.checked(s.Snapshot, gate.LockedMinor, f.undecided(s.Snapshot), f.having(gate.Off,
			"the SidecarContainers gate of this API server is off: it drops restartPolicy of init containers from every new object, without an error or a warning",
			func(p Process) []checks.Step { return GateFix(APIServer, p, s.Server) }))
	},
}
