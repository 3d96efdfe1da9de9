package cluster

import (
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var webhookStripsRestartPolicy = rule{
	Check: checks.Check{
		ID:       "webhook-strips-restart-policy",
		Title:    "pods keep the restartPolicy of their native sidecars on the way through admission",
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
	for _, v := range attributions(all, facts.Stripped, stripEvidence) {
		out.Findings = append(out.Findings, checks.Finding{
			Object:     v.object(s.Snapshot),
			Namespaces: v.namespaces(),
			Message:    "native sidecars lose restartPolicy: Always in " + v.where() + " and become init containers that never end",
			Evidence:   v.evidence(s.Snapshot),
			Fix:        stripFix(s.Snapshot, v),
		})
	}
	return out
}

func stripFix(s *facts.Snapshot, v *attribution) string {
	who := "the webhook"
	if v.name != "" {
		who = v.name + knownByName(v.name)
	}
	return v.fix(s, "update "+who+", or rebuild it with k8s.io/api 0.28 or newer and let it send patches of what it changed only; until then keep it away from pods with native sidecars by its objectSelector or namespaceSelector")
}

// showsStripping is whether the canary is an answer: it came back, and the API server itself is not
// the one who drops the field; or validation itself says that the field is gone.
func showsStripping(t admissionRun) bool {
	if cause, _ := t.cause(); cause == facts.CauseStripped {
		return true
	}
	if t.canary == nil || t.canary.Returned == nil {
		return false
	}
	lost := changesOf(t, facts.Stripped)
	if len(lost) == 0 {
		return true
	}
	// Where nobody is called, nobody but the API server can have done it.
	return t.canary.Template != facts.TemplateLost && len(t.actors()) > 0
}

func stripEvidence(t admissionRun) []string {
	if !showsStripping(t) {
		return nil
	}
	if cause, _ := t.cause(); cause == facts.CauseStripped {
		return []string{"canary in namespace " + t.canary.Namespace + " (dry run), sent without probes, was refused: " + t.canary.Refusal.OneLine()}
	}
	evidence := changeEvidence(t, facts.Stripped)
	if len(evidence) > 0 && t.canary.Template == facts.TemplateKept {
		evidence = append(evidence, "a PodTemplate with the same containers kept it (dry run, same namespace): the API server is not the one")
	}
	if len(evidence) > 0 && t.canary.Template == facts.TemplateUnknown {
		evidence = append(evidence, "whether the API server itself keeps the field was not tried (it takes the right to create podtemplates): see apiserver-gate-off")
	}
	return evidence
}

// ChangesOf is what became of the canary's sidecars, of one kind.
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
