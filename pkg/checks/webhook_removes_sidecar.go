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
	happened := func(t trial) []string { return changeEvidence(t, facts.Removed) }
	out.Missing = append(out.Missing, unproven(s, all, facts.Removed, happened)...)
	for _, v := range verdicts(all, facts.Removed, happened) {
		out.Findings = append(out.Findings, Finding{
			Object:     v.object(s),
			Namespaces: v.namespaces(),
			Message:    "init containers are taken out of pods in " + v.where(),
			Evidence:   v.evidence(s),
			Fix:        v.fix(s, "look in the webhook for code that replaces the whole list /spec/initContainers, and let it send patches of what it changed only; until then keep it away from pods with native sidecars by its objectSelector or namespaceSelector"),
		})
	}
	return out
}
