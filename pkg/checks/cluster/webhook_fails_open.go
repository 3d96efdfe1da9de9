package cluster

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The API server skips a webhook with failurePolicy Ignore that it cannot call, and tells neither the caller
// nor a dry run. So this looks at what is behind the webhook.
var webhookFailsOpen = rule{
	Check: checks.Check{
		ID:       "webhook-fails-open",
		Title:    "webhooks with failurePolicy: Ignore are reachable",
		Severity: checks.Warning,
		Category: checks.Admission,
		Needs:    []facts.Kind{facts.MutatingWebhooks, facts.WebhookBackends, facts.Canaries},
	},
	Run: runWebhookFailsOpen,
}

func runWebhookFailsOpen(s *scene) checks.Outcome {
	var out checks.Outcome
	open, seen := 0, 0
	for _, w := range installed(s.Snapshot) {
		in := callers(s, w.name())
		if !facts.FailsOpen(w.spec) || len(in) == 0 {
			continue
		}
		open++
		switch problem := s.inVain(w.name()); {
		case problem != "":
			seen++
			out.Findings = append(out.Findings, failsOpen(w, problem, in))
		case s.answers(w.name(), in):
			seen++
		case w.spec.ClientConfig.Service == nil || w.backend.Service != "":
			out.Missing = append(out.Missing, facts.NewGap(facts.WebhookBackends, w.instance(), notTried(w),
				facts.Do("allow get on /metrics of the API servers, which count its answers (the whole role: kubectl sidecar rbac); or ask it:",
					prose.Shell("kubectl sidecar webhook test --in-cluster %s", w.configuration))))
		}
	}
	out.Missing = append(out.Missing, unreadServices(s.Snapshot)...)
	out.Tried = fmt.Sprintf("%d of %s with failurePolicy Ignore", seen, prose.Counted(open, "webhook"))
	return out
}

func failsOpen(w installation, problem string, in []admissionRun) checks.Finding {
	return checks.Finding{
		Object:   checks.Object{Kind: "MutatingWebhook", Name: w.name()},
		Message:  "it cannot be called, and its failurePolicy is Ignore: pods are created without it in " + (&attribution{in: in}).where(),
		Evidence: []string{problem, "failurePolicy of " + w.name() + ": Ignore"},
		Steps: []checks.Step{
			{Text: "Repair it: its pods, its Service, its certificate. If nobody needs it any more, remove its configuration."},
			{Text: "Run this again afterwards: as long as it cannot be called, no canary meets it."},
		},
	}
}

// answers reports whether it is proven that a webhook answers: the API server's own counter says so, or it was called
// directly with the authority of its configuration. By way of the service proxy that is not checked.
func (s *scene) answers(name string, in []admissionRun) bool {
	return s.reached(name) || slices.ContainsFunc(in, func(t admissionRun) bool {
		if t.canary == nil {
			return false
		}
		r, ok := t.reviewOf(name)
		return ok && conclusive(r) && r.Method == facts.Directly
	})
}

// notTried says what is not known of a webhook that may answer.
func notTried(w installation) string {
	if w.spec.ClientConfig.Service == nil {
		return "it is called by URL, and whether it answers was not tried"
	}
	return "pods are ready behind its Service, and whether the API server accepts their certificate was not tried"
}

// callers are the classes in which a webhook is called.
func callers(s *scene, name string) []admissionRun {
	return slices.DeleteFunc(slices.Clone(s.runs), func(t admissionRun) bool { return !slices.Contains(t.class.Webhooks, name) })
}

// notCallable says what is missing behind a webhook; empty when nothing is, as far as one can see.
func notCallable(b facts.WebhookBackend) string {
	switch {
	case b.Service == "":
		return ""
	case b.NoService:
		return "its Service " + b.Service + " does not exist"
	case !b.Unselected && b.Ready == 0:
		return fmt.Sprintf("no pod behind its Service %s is ready (%d of %d)", b.Service, b.Ready, b.Pods)
	}
	return ""
}

// calledInVain is why a webhook that was called directly could not be reached or gave no proper answer;
// empty when neither is so.
func calledInVain(s *scene, name string) string {
	for i := range s.Canaries {
		for _, r := range s.Canaries[i].Reviews {
			if r.Webhook == name && inVain(r) {
				return "called directly: " + r.Error
			}
		}
	}
	return ""
}
