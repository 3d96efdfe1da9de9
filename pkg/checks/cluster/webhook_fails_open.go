package cluster

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// The API server passes over a webhook with failurePolicy Ignore that it cannot call, and says so
// neither to the caller nor in a dry run. So this looks at what is behind the webhook.
var webhookFailsOpen = rule{
	Check: checks.Check{
		ID:       "webhook-fails-open",
		Title:    "webhooks that may be passed over can be called",
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
		spec := findWebhook(s.Snapshot, w.name())
		in := callers(s, w.name())
		if spec == nil || spec.FailurePolicy == nil || *spec.FailurePolicy != admissionregistrationv1.Ignore || len(in) == 0 {
			continue
		}
		open++
		problem := notCallable(w.backend)
		if asked, why := askedInVain(s, w.name()); problem == "" && asked {
			problem = why
		}
		switch {
		case problem != "":
			seen++
			out.Findings = append(out.Findings, checks.Finding{
				Object:   checks.Object{Kind: "MutatingWebhook", Name: w.name()},
				Message:  "it cannot be called, and its failurePolicy is Ignore: pods are created without it in " + (&attribution{in: in}).where(),
				Evidence: []string{problem, "failurePolicy of " + w.name() + ": Ignore"},
				Fix:      "repair it: its pods, its Service, its certificate; if nobody needs it any more, remove its configuration; while it is away a canary does not meet it, so run this again afterwards",
			})
		case spec.ClientConfig.Service == nil:
			out.Missing = append(out.Missing, facts.Gap{
				Kind: facts.WebhookBackends, Scope: w.name(), Reason: "it is called by URL, and whether it answers was not tried",
				Remedy: "ask it: kubectl sidecar webhook test --in-cluster " + w.configuration,
			})
		case w.backend.Service != "":
			seen++
		}
	}
	out.Missing = append(out.Missing, scoped(s.Snapshot, facts.WebhookBackends)...)
	out.Tried = fmt.Sprintf("%d of %s with failurePolicy Ignore", seen, prose.Counted(open, "webhook"))
	return out
}

// callers are the classes in which a webhook is called.
func callers(s *scene, name string) []admissionRun {
	var out []admissionRun
	for _, t := range s.runs {
		for _, w := range t.class.Webhooks {
			if w == name {
				out = append(out, t)
			}
		}
	}
	return out
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

// askedInVain is whether it was asked by itself, and could not be reached or gave no proper answer.
func askedInVain(s *scene, name string) (bool, string) {
	for i := range s.Canaries {
		for _, r := range s.Canaries[i].Reviews {
			if r.Webhook == name && r.Error != "" && r.Method == facts.Directly {
				return true, "asked by itself: " + r.Error
			}
		}
	}
	return false, ""
}
