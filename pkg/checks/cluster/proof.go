package cluster

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A reservation is why a canary that came back unharmed does not acquit a webhook that was called for it.
type reservation struct {
	// result and proof are those of the table.
	result, proof string
	reason        string
	remedy        facts.Remedy
}

// reservationAbout is the reservation about one webhook of a class; nil when its innocence is proven: it was
// reached, and it does on dry runs what it does otherwise.
func (s *scene) reservationAbout(t admissionRun, name string) *reservation {
	w := findWebhook(s.Snapshot, name)
	if w == nil || !cameBack(t) {
		return nil
	}
	r, asked := t.reviewOf(name)
	if asked {
		if r := s.contradicted(t, r); r != nil {
			return r
		}
	}
	if r := s.unreached(name, w, r, asked && conclusive(r)); r != nil {
		return r.limited(t)
	}
	return s.idle(name, w).limited(t)
}

// limited says that a limit of the run is why nothing is known, where that is so.
func (r *reservation) limited(t admissionRun) *reservation {
	if r == nil || t.canary.Unasked == "" || r.result != resultUnknown || len(t.class.Namespaces) == 0 {
		return r
	}
	r.reason += "; " + t.canary.Unasked
	r.remedy = facts.Do("ask about a namespace alone:", prose.Shell("kubectl sidecar doctor --namespace %s", t.class.Namespaces[0]))
	return r
}

// reviewOf is what a webhook said when it was called directly; false when it was not.
func (t admissionRun) reviewOf(name string) (facts.Review, bool) {
	i := slices.IndexFunc(t.canary.Reviews, func(r facts.Review) bool { return r.Webhook == name })
	if i < 0 {
		return facts.Review{}, false
	}
	return t.canary.Reviews[i], true
}

// conclusive reports whether a review shows what a webhook does.
func conclusive(r facts.Review) bool { return r.Error == "" && r.Denied == "" }

// contradicted: called directly it does what did not happen to the canary.
func (s *scene) contradicted(t admissionRun, r facts.Review) *reservation {
	did := t.onlyDirectly(r)
	if did == "" {
		return nil
	}
	evidence := ""
	if len(r.Patch) > 0 {
		evidence = "; its patch: " + strings.Join(r.Patch, " ")
	}
	if problem := s.inVain(r.Webhook); problem != "" {
		return &reservation{resultUnreachable, "not reached",
			fmt.Sprintf("%s; called directly (%s), %s, and so it will do to pods once it is repaired%s", problem, r.Method, did, evidence),
			facts.Do("repair what it does before it is called again (kubectl sidecar explain webhook-fails-open), or remove its configuration if nobody needs it")}
	}
	return &reservation{resultUnknown, string(r.Method),
		fmt.Sprintf("called directly (%s), %s, which did not happen to the canary: either the API server does not reach it, or it acts otherwise then%s", r.Method, did, evidence),
		facts.Do("see whether it can be called (kubectl sidecar explain webhook-fails-open), and repair what it does")}
}

// onlyDirectly says what a webhook does to the canary when it is called directly, and did not when the API server
// called it; empty when there is no difference.
func (t admissionRun) onlyDirectly(r facts.Review) string {
	changes := t.canary.Changes()
	for _, c := range changeResults {
		if has(r.Changes, c.kind) && !has(changes, c.kind) {
			return doings[c.kind]
		}
	}
	if r.Denied != "" {
		return "it denies pods"
	}
	return ""
}

// doings are what a webhook does that makes a change.
var doings = map[facts.ChangeKind]string{
	facts.Stripped: "it strips restartPolicy",
	facts.Moved:    "it moves restartPolicy or init containers",
	facts.Removed:  "it removes init containers",
}

// unreached: the API server may have gone on without it.
func (s *scene) unreached(name string, w *admissionregistrationv1.MutatingWebhook, r facts.Review, known bool) *reservation {
	if known || !facts.FailsOpen(w) {
		return nil
	}
	if s.reached(name) {
		return nil
	}
	const ignored = ", and its failurePolicy is Ignore: it is not known what it does to native sidecars once it is repaired"
	repair := facts.Do("repair it, or remove its configuration if nobody needs it (kubectl sidecar explain webhook-fails-open), then run this again")
	if problem := s.inVain(name); problem != "" {
		return &reservation{resultUnreachable, "not reached", problem + ignored, repair}
	}
	reason := "its failurePolicy is Ignore, and whether it answered the canary is not known"
	if r.Error != "" {
		reason += ": " + r.Error
	}
	configuration, _, _ := strings.Cut(name, "/")
	return &reservation{resultUnknown, "fails open", reason, facts.Do(
		"allow get on /metrics of the API servers, which count its answers, or create on services/proxy in its namespace (the whole role: kubectl sidecar rbac); or ask it:",
		prose.Shell("kubectl sidecar webhook test --in-cluster %s", configuration))}
}

// inVain says how it is known that the API server could not call a webhook that fails open; empty when it is not. What
// the API server counted stands above what is seen from elsewhere.
func (s *scene) inVain(name string) string {
	if calls, ok := s.CallsOf(name); ok && calls.FailedOpen > 0 {
		return fmt.Sprintf("the API server could not call it (%d of %s failed; apiserver_admission_webhook_fail_open_count)",
			calls.FailedOpen, prose.Counted(calls.FailedOpen+calls.Answered, "call"))
	}
	if s.reached(name) {
		return ""
	}
	for _, b := range s.WebhookBackends {
		if b.Webhook == name && notCallable(b) != "" {
			return notCallable(b)
		}
	}
	return calledInVain(s, name)
}

// reached reports whether the API server reached a webhook: it counted its answers, or a canary shows them.
func (s *scene) reached(name string) bool {
	calls, ok := s.CallsOf(name)
	return ok && calls.Heard() || s.changesCanaries(name)
}

// idle: a webhook that declares NoneOnDryRun may leave out on dry runs whatever it does. One that returned a patch
// on some dry run does not.
func (s *scene) idle(name string, w *admissionregistrationv1.MutatingWebhook) *reservation {
	if !facts.IdleOnDryRun(w) || s.patchesDryRuns(name) {
		return nil
	}
	return &reservation{resultUnknown, "dry run",
		"it declares sideEffects NoneOnDryRun and is not known to have changed anything on a dry run: what it does to real pods is not known",
		lookAtPod}
}

// lookAtPod is what tells where a dry run does not.
var lookAtPod = facts.Do("look for restartPolicy in a real pod with a native sidecar that it was called for:", "kubectl get pod POD -o yaml")

// patchesDryRuns reports whether a webhook returned a patch to a review, which is always a dry run, or is known to
// have changed a canary.
func (s *scene) patchesDryRuns(name string) bool {
	return s.changesCanaries(name) || slices.ContainsFunc(s.runs, func(t admissionRun) bool {
		if t.canary == nil {
			return false
		}
		r, ok := t.reviewOf(name)
		return ok && (r.Operations > 0 || len(r.Changes) > 0)
	})
}

// changesCanaries reports whether a webhook is known to have changed a canary: then it was reached.
func (s *scene) changesCanaries(name string) bool {
	return slices.ContainsFunc(s.runs, func(t admissionRun) bool { return t.changedBy(name) })
}

// changedBy reports whether a webhook or policy is known to have changed the canary of a class.
func (t admissionRun) changedBy(name string) bool {
	return cameBack(t) && slices.ContainsFunc(changeResults, func(c changeResult) bool {
		return has(t.canary.Changes(), c.kind) && slices.ContainsFunc(t.culprits(c.kind), func(x culprit) bool { return x.name == name })
	})
}

// reservations are the gaps of webhooks that canaries met and do not acquit, one for each webhook.
func (s *scene) reservations() []facts.Gap {
	var out []facts.Gap
	for _, w := range installed(s.Snapshot) {
		for _, t := range callers(s, w.name()) {
			if t.class.Uncertain[w.name()] != "" || t.changedBy(w.name()) {
				continue // a gap of its own, or a finding
			}
			if r := s.reservationAbout(t, w.name()); r != nil {
				out = append(out, facts.NewGap(facts.Canaries, w.instance(), r.reason+", in "+(&attribution{in: callers(s, w.name())}).where(), r.remedy))
				break
			}
		}
	}
	return out
}

// unaccounted are the gaps of init containers that somebody put into a canary, where others might have stripped them.
func (s *scene) unaccounted() []facts.Gap {
	var out []facts.Gap
	for _, t := range s.runs {
		if names := t.unaccountedFor(); len(names) > 0 {
			out = append(out, facts.NewGap(facts.Canaries, t.class.Instance().Of(facts.PartInjected),
				fmt.Sprintf("%s came back without restartPolicy and was not sent: whether it was added as a native sidecar, and stripped by another webhook, is not known",
					prose.List(quoted(names), "and")),
				facts.Do("allow create on services/proxy in the namespaces of the webhooks, so that each can be called directly (the whole role: kubectl sidecar rbac)")))
		}
	}
	return out
}

// unaccountedFor are the init containers that somebody put into the canary, and somebody else may have stripped.
func (t admissionRun) unaccountedFor() []string {
	if !cameBack(t) || len(t.class.Webhooks) == 0 || len(t.actors()) < 2 {
		return nil
	}
	return t.canary.Unaccounted()
}

func quoted(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, fmt.Sprintf("init container %q", n))
	}
	return out
}
