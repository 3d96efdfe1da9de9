package cluster

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// What a Deployment has is what one API server stored; what its ReplicaSet gets is what another one
// leaves of it. The controller compares the two and, when they differ, creates the next ReplicaSet:
// 75 in 20 s on 1.28.15 with a Deployment that had the field and an API server that dropped it.
var apiserversDisagree = rule{
	Check: checks.Check{
		ID:       "apiservers-disagree",
		Title:    "all API servers treat restartPolicy of init containers alike",
		Severity: checks.Error,
		Category: checks.ControlPlane,
		Uses:     []facts.Kind{facts.APIServers, facts.ControlPlane},
	},
	Run: func(s *scene) checks.Outcome {
		f := s.apiServers
		keeping, dropping := Having(f.Seen, gate.On), Having(f.Seen, gate.Off, gate.Unsupported)
		if len(keeping) > 0 && len(dropping) > 0 {
			return checks.Outcome{Findings: []checks.Finding{disagreement(keeping, dropping)}, Tried: f.tried("")}
		}
		if f.counted && f.total == 1 {
			return checks.Outcome{Tried: f.tried("")}
		}
		return f.checked(s.Snapshot, gate.LockedMinor, f.undecided(s.Snapshot), nil)
	},
}

func disagreement(keeping, dropping []Process) checks.Finding {
	f := checks.Finding{
		Object: checks.Object{Kind: "ControlPlane", Name: APIServer},
		Message: fmt.Sprintf("%d of %s keep restartPolicy of init containers, the others drop it: what is stored depends on which one answers, and a Deployment with a native sidecar can create ReplicaSets endlessly",
			len(keeping), prose.Counted(len(keeping)+len(dropping), "API server")),
		Steps: []checks.Step{
			{Text: "Give all API servers the same version and the same gates: finish the upgrade, or set the gate everywhere."},
			{
				Text:    "Until then do not deploy native sidecars. See which Deployments are affected:",
				Command: "kubectl get deployments -A -o jsonpath='{range .items[?(@.status.collisionCount)]}{.metadata.namespace}/{.metadata.name} {.status.collisionCount}{\"\\n\"}{end}'",
			},
		},
	}
	for _, p := range slices.Concat(keeping, dropping) {
		verb := "drops it"
		if p.Gate == gate.On {
			verb = "keeps it"
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s (%s) %s: %s", p.Object.Name, prose.OrNone(p.version), verb, p.proof))
		switch p.Gate {
		case gate.Off:
			f.Because = prose.AddOnce(f.Because, "apiserver-gate-off")
		case gate.Unsupported:
			f.Because = prose.AddOnce(f.Because, "apiserver-too-old")
		}
	}
	return f
}
