package checks

import (
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var webhookStripsRestartPolicy = Check{
	ID:       "webhook-strips-restart-policy",
	Title:    "pods keep the restartPolicy of their native sidecars on the way through admission",
	Severity: Error,
	Category: Admission,
	Needs:    admissionNeeds,
	Run:      runWebhookStrips,
}

func runWebhookStrips(s *facts.Snapshot) Outcome {
	all := trials(s)
	out := Outcome{Missing: undecided(s, all, showsStripping), Tried: triedClasses(all, showsStripping)}
	for _, t := range all {
		evidence := stripEvidence(t)
		if len(evidence) == 0 || !showsStripping(t) {
			continue
		}
		f := Finding{
			Object:   t.object(),
			Message:  "native sidecars lose restartPolicy: Always in " + t.where() + " and become init containers that never end",
			Evidence: append(evidence, t.chain(s)...),
			Fix:      "rebuild or update the webhook with k8s.io/api 0.28 or newer, or let it send patches of what it changed only; until then keep it away from pods with native sidecars by its objectSelector or namespaceSelector",
		}
		f.Evidence = append(f.Evidence, suspicion(t, all))
		out.Findings = append(out.Findings, f)
	}
	return out
}

// showsStripping is whether the canary is an answer: it came back, and the API server itself is not
// the one who drops the field; or validation itself says that the field is gone.
func showsStripping(t trial) bool {
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

func stripEvidence(t trial) []string {
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

// changesOf is what became of the canary's sidecars, of one kind.
func changesOf(t trial, kind facts.ChangeKind) []facts.Change {
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

func changeEvidence(t trial, kind facts.ChangeKind) []string {
	var out []string
	for _, c := range changesOf(t, kind) {
		out = append(out, "canary in namespace "+t.canary.Namespace+" (dry run): "+c.Detail)
	}
	return out
}

// suspicion names those who may have done it.
func suspicion(t trial, all []trial) string {
	actors, suspects := t.actors(), t.suspects(all)
	switch {
	case len(actors) == 1:
		return "nobody else is called there: " + actors[0]
	case len(suspects) == 0:
		return "one of: " + strings.Join(actors, ", ") + " (all of them are also called in classes whose canary came back unharmed)"
	case len(suspects) == 1:
		return "called in no class whose canary came back unharmed: " + suspects[0]
	}
	return "one of (called in no class whose canary came back unharmed): " + strings.Join(suspects, ", ")
}
