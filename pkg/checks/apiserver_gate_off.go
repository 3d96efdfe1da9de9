package checks

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"

// With the gate off an API server drops the field before it validates and stores an object, unless
// the stored object has it already (k8s.io/kubernetes pkg/api/pod/util.go, dropDisabledFields).
var apiserverGateOff = Check{
	ID:       "apiserver-gate-off",
	Title:    "no API server has the SidecarContainers gate off",
	Severity: Error,
	Category: ControlPlane,
	Needs:    []facts.Kind{facts.APIServers, facts.ControlPlane},
	Optional: []facts.Kind{facts.APIServers, facts.ControlPlane},
	Run: func(s *facts.Snapshot) Outcome {
		f := apiServers(s)
		var o Outcome
		for _, p := range having(f.seen, GateOff) {
			o.Findings = append(o.Findings, Finding{
				Object:   p.object,
				Message:  "the SidecarContainers gate of this API server is off: it drops restartPolicy of init containers from every new object, without an error or a warning",
				Evidence: p.evidence,
				Fix:      gateFix(apiServer, p, s.Server),
			})
		}
		o.Missing = f.undecided(s)
		ok, why := f.atLeast(minorLocked)
		if !ok {
			o.Missing = append(o.Missing, f.unread(s)...)
		}
		o.Tried = f.tried(why)
		return o
	},
}
