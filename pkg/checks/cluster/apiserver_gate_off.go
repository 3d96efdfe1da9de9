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
		Title:    "no API server has the SidecarContainers gate off",
		Severity: checks.Error,
		Category: checks.ControlPlane,
		Uses:     []facts.Kind{facts.APIServers, facts.ControlPlane},
	},
	Run: func(s *scene) checks.Outcome {
		f := s.apiServers
		var o checks.Outcome
		for _, p := range Having(f.Seen, gate.Off) {
			o.Findings = append(o.Findings, checks.Finding{
				Object:   p.Object,
				Message:  "the SidecarContainers gate of this API server is off: it drops restartPolicy of init containers from every new object, without an error or a warning",
				Evidence: p.Evidence,
				Steps:    GateFix(APIServer, p, s.Server),
			})
		}
		o.Missing = f.undecided(s.Snapshot)
		ok, why := f.atLeast(gate.LockedMinor)
		if !ok {
			o.Missing = append(o.Missing, f.unread(s.Snapshot)...)
		}
		o.Tried = f.tried(why)
		return o
	},
}
