package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// The field came with 1.28 (KEP-753). What an older API server does with it depends on the client:
// kubectl asks for strict validation, controllers and webhooks do not.
var apiserverTooOld = rule{
	Check: checks.Check{
		ID:       "apiserver-too-old",
		Title:    "every API server is 1.28 or later",
		Severity: checks.Error,
		Category: checks.ControlPlane,
		Uses:     []facts.Kind{facts.APIServers, facts.ControlPlane},
	},
	Run: func(s *scene) checks.Outcome {
		f := s.apiServers
		return f.checked(s.Snapshot, gate.FirstMinor, f.versionless(), f.having(gate.Unsupported,
			"this API server is older than 1.28 and does not know restartPolicy of an init container: it rejects the field from kubectl and drops it, with only a warning, from other clients",
			func(p Process) []checks.Step { return upgradeFix(p, s.Server) }))
	},
}
