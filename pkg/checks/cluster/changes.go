package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// keepWebhookAway is what helps against a webhook until it is repaired.
const keepWebhookAway = " Until then keep it away from pods with native sidecars by its objectSelector or namespaceSelector."

// changed is the outcome of a check on one kind of change that admission makes to canaries that come back.
// message goes before where it happens, repair is what to do about a webhook that does it.
func changed(s *scene, kind facts.ChangeKind, message, repair string) checks.Outcome {
	happened := func(t admissionRun) []string { return changeEvidence(t, kind) }
	out := checks.Outcome{Missing: undecided(s.Snapshot, s.runs, cameBack), Tried: triedClasses(s.runs, cameBack)}
	out.Missing = append(out.Missing, unproven(s.Snapshot, s.runs, kind, happened)...)
	out.Missing = append(out.Missing, s.reservations()...)
	for _, v := range attributions(s.runs, kind, happened) {
		out.Findings = append(out.Findings, checks.Finding{
			Object:     v.object(s.Snapshot),
			Namespaces: v.namespaces(),
			Message:    message + " in " + v.where(),
			Evidence:   v.evidence(s.Snapshot),
			Steps:      v.steps(s.Snapshot, checks.Step{Text: repair + keepWebhookAway}),
		})
	}
	return out
}

// cameBack reports whether there is a pod to look at.
func cameBack(t admissionRun) bool { return t.canary != nil && t.canary.Returned != nil }

// changesOf is what became of the canary's sidecars, of one kind.
func changesOf(t admissionRun, kind facts.ChangeKind) []facts.Change {
	if t.canary == nil {
		return nil
	}
	var out []facts.Change
	for _, c := range t.canary.Changes() {
		if c.Kind == kind {
			out = append(out, c)
		}
	}
	return out
}

func changeEvidence(t admissionRun, kind facts.ChangeKind) []string {
	var out []string
	for _, c := range changesOf(t, kind) {
		out = append(out, "canary in namespace "+t.canary.Namespace+" (dry run): "+c.Detail)
	}
	return out
}
