package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var webhookStripsRestartPolicy = rule{
	Check: checks.Check{
		ID:       "webhook-strips-restart-policy",
		Title:    "admission preserves restartPolicy of native sidecars",
		Severity: checks.Error,
		Category: checks.Admission,
		Needs:    admissionNeeds,
	},
	Run: runWebhookStrips,
}

func runWebhookStrips(s *scene) checks.Outcome {
	all := s.runs
	out := checks.Outcome{Missing: undecided(s.Snapshot, all, showsStripping), Tried: triedClasses(all, showsStripping)}
	out.Missing = append(out.Missing, unproven(s.Snapshot, all, facts.Stripped, stripEvidence)...)
	out.Missing = append(out.Missing, s.reservations()...)
	out.Missing = append(out.Missing, s.unaccounted()...)
	for _, v := range attributions(all, facts.Stripped, stripEvidence) {
		out.Findings = append(out.Findings, checks.Finding{
			Object:     v.object(s.Snapshot),
			Namespaces: v.namespaces(),
			Message:    "native sidecars lose restartPolicy: Always in " + v.where() + " and become init containers that never exit",
			Evidence:   v.evidence(s.Snapshot),
			Steps:      stripSteps(s.Snapshot, v),
		})
	}
	return out
}

func stripSteps(s *facts.Snapshot, v *attribution) []checks.Step {
	return v.steps(s, checks.Step{Text: update(v.named()) + keepWebhookAway})
}

// named is a webhook in a fix, with the known software that it is.
func (v *attribution) named() string {
	if v.name == "" {
		return "the webhook"
	}
	return v.name + knownByName(v.name)
}

// update is what to do about a webhook that strips the field.
func update(webhook string) string {
	return "Update " + webhook + ", or rebuild it with k8s.io/api 0.28 or newer and let it send patches of only what it changed."
}

// showsStripping reports whether the canary is an answer: it came back, or validation itself says that the field is
// gone; and the API server itself is not what drops the field.
func showsStripping(t admissionRun) bool {
	cause, _ := t.cause()
	return (cameBack(t) || cause == facts.CauseStripped) && !t.serverDropsIt()
}

// serverDropsIt reports whether a canary lost the field to the API server itself: a PodTemplate lost it as well, or
// nobody is called who can have done it. Where a PodTemplate kept it, somebody is called of whom nothing is known.
func (t admissionRun) serverDropsIt() bool {
	if cause, _ := t.cause(); cause != facts.CauseStripped && len(changesOf(t, facts.Stripped)) == 0 {
		return false
	}
	switch t.canary.Template {
	case facts.TemplateLost:
		return true
	case facts.TemplateKept:
		return false
	}
	return len(t.actors()) == 0
}

func stripEvidence(t admissionRun) []string {
	if !showsStripping(t) {
		return nil
	}
	evidence := changeEvidence(t, facts.Stripped)
	if cause, _ := t.cause(); cause == facts.CauseStripped {
		sent := ", sent without probes,"
		if t.class.Shape != nil && t.class.Shape.Own {
			sent = ""
		}
		evidence = []string{"canary in namespace " + t.canary.Namespace + " (dry run)" + sent + " was refused: " + t.canary.Refusal.OneLine()}
	}
	if len(evidence) > 0 && t.canary.Template == facts.TemplateKept {
		evidence = append(evidence, "a PodTemplate with the same containers kept it (dry run, same namespace), so the API server is not the cause")
	}
	if len(evidence) > 0 && t.canary.Template == facts.TemplateUnknown {
		evidence = append(evidence, "whether the API server itself keeps the field was not tried (that needs the right to create podtemplates): see apiserver-gate-off")
	}
	return evidence
}
