package cluster

import (
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var webhookBreaksCanary = rule{
	Check: checks.Check{
		ID:       "webhook-breaks-canary",
		Title:    "admission lets pods with a native sidecar through",
		Severity: checks.Error,
		Category: checks.Admission,
		Needs:    admissionNeeds,
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
	for _, t := range all {
		message := breakage(t)
		if message == "" {
			continue
		}
		cause, name := t.cause()
		if cause == facts.CausePatch {
			name = t.badPatch()
		}
		f := checks.Finding{
			Object:     t.object(),
			Namespaces: t.class.Namespaces,
			Message:    message + " in " + t.where(),
			Evidence:   []string{"canary in namespace " + t.canary.Namespace + " (dry run) was refused: " + t.canary.Refusal.OneLine()},
			Fix:        breakageFix(cause, name),
		}
		if full := t.called(name); full != "" {
			f.Object, f.Namespaces = checks.Object{Kind: "MutatingWebhook", Name: full}, nil
		} else if name != "" {
			f.Object, f.Namespaces = checks.Object{Kind: "AdmissionWebhook", Name: name}, nil
			if cause == facts.CausePolicy {
				f.Object.Kind = "AdmissionPolicy"
			}
		}
		if cause == facts.CausePatch && name != "" {
			f.Evidence = append(f.Evidence, "asked by itself about the canary, it answered with a patch that does not apply")
		}
		if t.onlySidecars() {
			f.Evidence = append(f.Evidence, "the same pod without a native sidecar was let through")
		} else if t.control != nil && t.control.Refusal != nil {
			f.Evidence = append(f.Evidence, "the same pod without a native sidecar was refused as well: "+t.control.Refusal.OneLine())
		}
		f.Evidence = append(f.Evidence, t.chain(s.Snapshot)...)
		out.Findings = append(out.Findings, f)
	}
	return out
}

// badPatch is the webhook whose patch does not apply, where a replay showed it: the API server does not
// say whose it was.
func (t admissionRun) badPatch() string {
	for _, r := range t.canary.Reviews {
		if strings.HasPrefix(r.Error, "its patch does not apply") {
			return r.Webhook[strings.LastIndex(r.Webhook, "/")+1:]
		}
	}
	return ""
}

// breakage says what a refusal proves; empty when it proves nothing about sidecars. A webhook that
// cannot be called stops every pod, sidecars or not. Who refuses the canary with and without a
// sidecar may have something against the canary only, and is a gap.
func breakage(t admissionRun) string {
	cause, _ := t.cause()
	switch cause {
	case facts.CauseFailed:
		return "it cannot be called, and its failurePolicy is Fail: no pod can be created"
	case facts.CausePatch:
		return "the patch of a webhook does not apply to the canary, which is then refused"
	case facts.CauseDenied, facts.CausePolicy:
		if t.onlySidecars() {
			return "pods with a native sidecar are refused"
		}
	case facts.CauseExpression:
		if t.onlySidecars() {
			return "a match condition fails for pods with a native sidecar, which are then refused"
		}
	case facts.CauseOther:
		if t.onlySidecars() {
			return "pods with a native sidecar are refused"
		}
	}
	return ""
}

func breakageFix(cause facts.Cause, name string) string {
	switch cause {
	case facts.CauseFailed:
		return "repair " + name + ": its pods, its Service, its certificate and the caBundle of its configuration (kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations); if nobody needs it any more, remove its configuration"
	case facts.CausePatch:
		return "update the webhook: a patch by index does not apply once the pod has other containers than it expects; its log names the pod"
	case facts.CauseExpression:
		return "correct the match condition so that it does not fail for a missing field: has(object.x) && ..."
	case facts.CauseDenied, facts.CausePolicy:
		return "change the rules of " + name + " so that init containers with restartPolicy: Always are allowed"
	}
	return "see the API server's words; the same pod without restartPolicy: Always is let through"
}
