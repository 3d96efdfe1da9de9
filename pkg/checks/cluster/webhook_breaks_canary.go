package cluster

import (
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var webhookBreaksCanary = rule{
	Check: checks.Check{
		ID:       "webhook-breaks-canary",
		Title:    "admission accepts pods with a native sidecar",
		Severity: checks.Error,
		Category: checks.Admission,
		Needs:    admissionNeeds,
		Uses:     validatingKinds,
	},
	Run: runWebhookBreaks,
}

func runWebhookBreaks(s *scene) checks.Outcome {
	all := s.runs
	decides := func(t admissionRun) bool {
		cause, _ := t.cause()
		return cameBack(t) || cause == facts.CauseStripped || breakage(t) != ""
	}
	out := checks.Outcome{Missing: undecided(s.Snapshot, all, decides), Tried: triedClasses(all, decides)}
	out.Missing = append(out.Missing, s.reservations()...)
	out.Missing = append(out.Missing, s.unvalidated()...)
	for _, r := range refusals(all) {
		out.Findings = append(out.Findings, r.finding(s.Snapshot))
	}
	out.Missing = append(out.Missing, untoldTemplates(s.Snapshot)...)
	out.Findings = append(out.Findings, refusedTemplates(s.Snapshot)...)
	return out
}

// A refusal is one who refuses canaries for one reason, with the classes in which it does.
type refusal struct {
	attribution
	object  checks.Object
	message string
	steps   []checks.Step
}

// refusals groups the refused canaries by who refused them. Where that is not known, each is one of its own: the object is
// its class then.
func refusals(all []admissionRun) []*refusal {
	var out []*refusal
	for _, t := range all {
		message := breakage(t)
		if message == "" {
			continue
		}
		cause, name := t.cause()
		if cause == facts.CausePatch {
			name = t.badPatch()
		}
		object := t.refusedBy(cause, name)
		i := slices.IndexFunc(out, func(r *refusal) bool { return r.object == object && r.message == message })
		if i < 0 {
			i = len(out)
			out = append(out, &refusal{object: object, message: message, steps: breakageSteps(cause, name)})
		}
		out[i].in = append(out[i].in, t)
		out[i].details = append(out[i].details, t.breakageEvidence("canary", "pod", cause, name))
	}
	return out
}

func (r *refusal) finding(s *facts.Snapshot) checks.Finding {
	first := r.in[0]
	_, name := first.cause()
	f := checks.Finding{
		Object:   r.object,
		Message:  r.message + " in " + r.where(),
		Evidence: append(r.evidence(s), first.validators(s, name)...),
		Steps:    r.steps,
	}
	if f.Object == first.object() {
		f.Namespaces = first.class.Namespaces
	}
	return f
}

// refusedBy is the webhook or policy that refused the canary, or the class where it is not known.
func (t admissionRun) refusedBy(cause facts.Cause, name string) checks.Object {
	switch full := t.called(name); {
	case full != "":
		return checks.Object{Kind: "MutatingWebhook", Name: full}
	case name == "":
		return t.object()
	case cause == facts.CausePolicy:
		return checks.Object{Kind: "AdmissionPolicy", Name: name}
	}
	return checks.Object{Kind: "AdmissionWebhook", Name: name}
}

// breakageEvidence is of what was sent, a canary, and of what it is, a pod.
func (t admissionRun) breakageEvidence(sent, kind string, cause facts.Cause, name string) []string {
	out := []string{sent + " in namespace " + t.canary.Namespace + " (dry run) was refused: " + t.canary.Refusal.OneLine()}
	if cause == facts.CausePatch && name != "" {
		out = append(out, "called directly with the canary, it returned a patch that does not apply")
	}
	switch {
	case t.onlySidecars():
		out = append(out, "the same "+kind+" without a native sidecar was admitted")
	case t.control != nil && t.control.Refusal != nil:
		out = append(out, "the same "+kind+" without a native sidecar was refused as well: "+t.control.Refusal.OneLine())
	}
	const most = 3
	for _, w := range t.canary.Warnings[:min(most, len(t.canary.Warnings))] {
		out = append(out, "the API server warned as well: "+w)
	}
	return out
}

// badPatch is the webhook whose patch does not apply, where a replay showed it: the API server does not
// say whose it was.
func (t admissionRun) badPatch() string {
	for _, r := range t.canary.Reviews {
		if r.Outcome == facts.ReviewBadPatch {
			return r.Webhook[strings.LastIndex(r.Webhook, "/")+1:]
		}
	}
	return ""
}

// breakage says what a refusal proves; empty when it proves nothing about sidecars. A webhook that
// cannot be called stops every pod, with or without sidecars. What refuses the canary with and without a
// sidecar may object to the canary only, and is a gap.
func breakage(t admissionRun) string {
	cause, _ := t.cause()
	switch {
	case cause == facts.CauseFailed:
		return "it cannot be called, and its failurePolicy is Fail: no pod can be created"
	case cause == facts.CausePatch:
		return "the patch of a webhook does not apply to the canary, so it is refused"
	case !t.onlySidecars():
		return ""
	case cause == facts.CauseDenied || cause == facts.CausePolicy || cause == facts.CauseOther:
		return "pods with a native sidecar are refused"
	case cause == facts.CauseExpression:
		return "a match condition fails for pods with a native sidecar, so they are refused"
	}
	return ""
}

func breakageSteps(cause facts.Cause, name string) []checks.Step {
	switch cause {
	case facts.CauseFailed:
		return []checks.Step{
			{
				Text:    "Repair " + name + ": its pods, its Service, its certificate and the caBundle of its configuration. The configurations are:",
				Command: "kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations",
			},
			{Text: "If nobody needs it any more, remove its configuration."},
		}
	case facts.CausePatch:
		return []checks.Step{{Text: "Update the webhook: a patch by index does not apply once the pod has other containers than it expects. Its log names the pod."}}
	case facts.CauseExpression:
		return []checks.Step{{Text: "Correct the match condition so that it does not fail for a missing field: has(object.x) && ..."}}
	case facts.CauseDenied, facts.CausePolicy:
		return []checks.Step{{Text: "Change the rules of " + name + " so that init containers with restartPolicy: Always are allowed."}}
	}
	return []checks.Step{{Text: "See the API server's words: the same pod without restartPolicy: Always is admitted."}}
}
