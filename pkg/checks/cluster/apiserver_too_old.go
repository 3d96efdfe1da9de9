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
		var o checks.Outcome
		for _, p := range Having(f.Seen, gate.Unsupported) {
			o.Findings = append(o.Findings, checks.Finding{
				Object:   p.Object,
				Message:  "this API server is older than 1.28 and does not know restartPolicy of an init container: it refuses the field from kubectl and drops it, with a mere warning, from everybody else",
				Evidence: p.Evidence,
				Steps:    upgradeFix(p, s.Server),
			})
		}
		for _, p := range Having(f.Seen, gate.Unknown) {
			if p.v == nil {
				o.Missing = append(o.Missing, noVersion(facts.APIServers, p, facts.HowToGet(facts.APIServers)))
			}
		}
		ok, why := f.atLeast(gate.FirstMinor)
		if !ok {
			o.Missing = append(o.Missing, f.unread(s.Snapshot)...)
		}
		o.Tried = f.tried(why)
		return o
	},
}
