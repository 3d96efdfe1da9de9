package checks

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"

var webhookMovesRestartPolicy = Check{
	ID:       "webhook-moves-restart-policy",
	Title:    "admission leaves restartPolicy on the init container that has it, and init containers in order",
	Severity: Error,
	Category: Admission,
	Needs:    admissionNeeds,
	Run:      runWebhookMoves,
}

func runWebhookMoves(s *facts.Snapshot) Outcome {
	all := trials(s)
	out := Outcome{Missing: undecided(s, all, cameBack), Tried: triedClasses(all, cameBack)}
	for _, t := range all {
		evidence := changeEvidence(t, facts.Moved)
		if len(evidence) == 0 {
			continue
		}
		evidence = append(evidence, changeEvidence(t, facts.Stripped)...)
		out.Findings = append(out.Findings, Finding{
			Object:   t.object(),
			Message:  "the wrong init container becomes the native sidecar in " + t.where(),
			Evidence: append(append(evidence, t.chain(s)...), suspicion(t, all)),
			Fix:      "let the webhook address containers by name before it builds its patch: a patch by index hits another container once somebody has inserted one; until then keep it away from pods with native sidecars by its objectSelector or namespaceSelector",
		})
	}
	return out
}

// cameBack is whether there is a pod to look at.
func cameBack(t trial) bool { return t.canary != nil && t.canary.Returned != nil }
