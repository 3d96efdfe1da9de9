package checks

import "github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"

var webhookRemovesSidecar = Check{
	ID:       "webhook-removes-sidecar",
	Title:    "admission leaves init containers where they are",
	Severity: Error,
	Category: Admission,
	Needs:    admissionNeeds,
	Run:      runWebhookRemoves,
}

func runWebhookRemoves(s *facts.Snapshot) Outcome {
	all := trials(s)
	out := Outcome{Missing: undecided(s, all, cameBack), Tried: triedClasses(all, cameBack)}
	for _, t := range all {
		evidence := changeEvidence(t, facts.Removed)
		if len(evidence) == 0 {
			continue
		}
		out.Findings = append(out.Findings, Finding{
			Object:   t.object(),
			Message:  "init containers are taken out of pods in " + t.where(),
			Evidence: append(append(evidence, t.chain(s)...), suspicion(t, all)),
			Fix:      "look in the webhook for code that replaces the whole list /spec/initContainers, and let it send patches of what it changed only; until then keep it away from pods with native sidecars by its objectSelector or namespaceSelector",
		})
	}
	return out
}
