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
	happened := func(t trial) []string { return changeEvidence(t, facts.Moved) }
	out.Missing = append(out.Missing, unproven(s, all, facts.Moved, happened)...)
	for _, v := range verdicts(all, facts.Moved, happened) {
		out.Findings = append(out.Findings, Finding{
			Object:     v.object(s),
			Namespaces: v.namespaces(),
			Message:    "the wrong init container becomes the native sidecar in " + v.where(),
			Evidence:   v.evidence(s),
			Fix:        v.fix(s, "let the webhook address containers by name before it builds its patch: a patch by index hits another container once somebody has inserted one; until then keep it away from pods with native sidecars by its objectSelector or namespaceSelector"),
		})
	}
	return out
}

// cameBack is whether there is a pod to look at.
func cameBack(t trial) bool { return t.canary != nil && t.canary.Returned != nil }
