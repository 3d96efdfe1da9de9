package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var webhookMovesRestartPolicy = rule{
	Check: checks.Check{
		ID:       "webhook-moves-restart-policy",
		Title:    "admission leaves restartPolicy on the init container that has it, and init containers in order",
		Severity: checks.Error,
		Category: checks.Admission,
		Needs:    admissionNeeds,
	},
	Run: runWebhookMoves,
}

func runWebhookMoves(s *scene) checks.Outcome {
	all := s.runs
	out := checks.Outcome{Missing: undecided(s.Snapshot, all, cameBack), Tried: triedClasses(all, cameBack)}
	happened := func(t admissionRun) []string { return changeEvidence(t, facts.Moved) }
	out.Missing = append(out.Missing, unproven(s.Snapshot, all, facts.Moved, happened)...)
	for _, v := range attributions(all, facts.Moved, happened) {
		out.Findings = append(out.Findings, checks.Finding{
			Object:     v.object(s.Snapshot),
			Namespaces: v.namespaces(),
			Message:    "the wrong init container becomes the native sidecar in " + v.where(),
			Evidence:   v.evidence(s.Snapshot),
			Fix:        v.fix(s.Snapshot, "let the webhook address containers by name before it builds its patch: a patch by index hits another container once somebody has inserted one; until then keep it away from pods with native sidecars by its objectSelector or namespaceSelector"),
		})
	}
	return out
}

// cameBack is whether there is a pod to look at.
func cameBack(t admissionRun) bool { return t.canary != nil && t.canary.Returned != nil }
