package checks

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"

// The field came with 1.28 (KEP-753). What an older API server does with it depends on the client:
// kubectl asks for strict validation, controllers and webhooks do not.
var apiserverTooOld = Check{
	ID:       "apiserver-too-old",
	Title:    "every API server is 1.28 or later",
	Severity: Error,
	Category: ControlPlane,
	Needs:    []facts.Kind{facts.APIServers, facts.ControlPlane},
	Optional: []facts.Kind{facts.APIServers, facts.ControlPlane},
	Run: func(s *facts.Snapshot) Outcome {
		f := apiServers(s)
		var o Outcome
		for _, p := range having(f.seen, GateUnsupported) {
			o.Findings = append(o.Findings, Finding{
				Object:   p.object,
				Message:  "this API server is older than 1.28 and does not know restartPolicy of an init container: it refuses the field from kubectl and drops it, with a mere warning, from everybody else",
				Evidence: p.evidence,
				Fix:      upgradeFix(p, s.Server),
			})
		}
		for _, p := range having(f.seen, GateUnknown) {
			if p.v == nil {
				o.Missing = append(o.Missing, noVersion(facts.APIServers, p, facts.HowToGet(facts.APIServers)))
			}
		}
		ok, why := f.atLeast(minorKnown)
		if !ok {
			o.Missing = append(o.Missing, f.unread(s)...)
		}
		o.Tried = f.tried(why)
		return o
	},
}
