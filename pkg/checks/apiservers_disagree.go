package checks

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// What a Deployment has is what one API server stored; what its ReplicaSet gets is what another one
// leaves of it. The controller compares the two and, when they differ, makes the next ReplicaSet:
// 75 in 20 s on 1.28.15 with a Deployment that had the field and an API server that dropped it.
var apiserversDisagree = Check{
	ID:       "apiservers-disagree",
	Title:    "all API servers treat restartPolicy of init containers alike",
	Severity: Error,
	Category: ControlPlane,
	Needs:    []facts.Kind{facts.APIServers, facts.ControlPlane},
	Optional: []facts.Kind{facts.APIServers, facts.ControlPlane},
	Run: func(s *facts.Snapshot) Outcome {
		f := apiServers(s)
		keeping, dropping := having(f.seen, GateOn), having(f.seen, GateOff, GateUnsupported)
		if len(keeping) > 0 && len(dropping) > 0 {
			return Outcome{Findings: []Finding{disagreement(keeping, dropping)}, Tried: f.tried("")}
		}
		if f.counted && f.total == 1 {
			return Outcome{Tried: f.tried("")}
		}
		o := Outcome{Missing: f.undecided(s)}
		ok, why := f.atLeast(minorLocked)
		if !ok {
			o.Missing = append(o.Missing, f.unread(s)...)
		}
		o.Tried = f.tried(why)
		return o
	},
}

func disagreement(keeping, dropping []process) Finding {
	f := Finding{
		Object: Object{Kind: "ControlPlane", Name: apiServer},
		Message: fmt.Sprintf("%s of %s keep restartPolicy of init containers, the others drop it: what is stored depends on who answers, and a Deployment with a native sidecar can make ReplicaSets without end",
			strconv.Itoa(len(keeping)), counted(len(keeping)+len(dropping), "API server")),
		Fix: "Give all API servers the same version and the same gates: finish the upgrade, or set the gate everywhere.\n" +
			"Until then do not deploy native sidecars. Look for the harm that is done:\n\n" +
			indent("kubectl get deployments -A -o jsonpath='{range .items[?(@.status.collisionCount)]}{.metadata.namespace}/{.metadata.name} {.status.collisionCount}{\"\\n\"}{end}'"),
	}
	for _, p := range slices.Concat(keeping, dropping) {
		verb := "drops it"
		if p.gate == GateOn {
			verb = "keeps it"
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s (%s) %s: %s", p.object.Name, orNone(p.version), verb, p.proof))
		switch p.gate {
		case GateOff:
			f.Because = addOnce(f.Because, "apiserver-gate-off")
		case GateUnsupported:
			f.Because = addOnce(f.Because, "apiserver-too-old")
		}
	}
	return f
}

func addOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
