package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var webhookRemovesSidecar = rule{
	Check: checks.Check{
		ID:       "webhook-removes-sidecar",
		Title:    "admission leaves init containers where they are",
		Severity: checks.Error,
		Category: checks.Admission,
		Needs:    admissionNeeds,
	},
	Run: runWebhookRemoves,
}

func runWebhookRemoves(s *scene) checks.Outcome {
	all := s.runs
	out := checks.Outcome{Missing: undecided(s.Snapshot, all, cameBack), Tried: triedClasses(all, cameBack)}
	happened := func(t admissionRun) []string { return changeEvidence(t, facts.Removed) }
	out.Missing = append(out.Missing, unproven(s.Snapshot, all, facts.Removed, happened)...)
	for _, v := range attributions(all, facts.Removed, happened) {
		out.Findings = append(out.Findings, checks.Finding{
			Object:     v.object(s.Snapshot),
			Namespaces: v.namespaces(),
			Message:    "init containers are taken out of pods in " + v.where(),
			Evidence:   v.evidence(s.Snapshot),
			Fix:        v.fix(s.Snapshot, "look in the webhook for code that replaces the whole list /spec/initContainers, and let it send patches of what it changed only; until then keep it away from pods with native sidecars by its objectSelector or namespaceSelector"),
		})
	}
	return out
}
