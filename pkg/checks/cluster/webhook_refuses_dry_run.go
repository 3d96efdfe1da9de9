package cluster

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var webhookRefusesDryRun = rule{
	Check: checks.Check{
		ID:       "webhook-refuses-dry-run",
		Title:    "pod webhooks support dry run",
		Severity: checks.Warning,
		Category: checks.Admission,
		Needs:    admissionNeeds,
	},
	Run: runWebhookRefusesDryRun,
}

// runWebhookRefusesDryRun reads what webhooks declare, and what the canaries were told: validating
// webhooks are not in the snapshot, and show in a refusal only.
func runWebhookRefusesDryRun(s *scene) checks.Outcome {
	all := s.runs
	decides := func(t admissionRun) bool { return t.canary != nil }
	out := checks.Outcome{Missing: undecided(s.Snapshot, all, decides), Tried: triedClasses(all, decides)}
	refused := map[string][]admissionRun{}
	var order []string
	note := func(name string, t admissionRun) {
		if _, ok := refused[name]; !ok {
			order = append(order, name)
		}
		refused[name] = append(refused[name], t)
	}
	for _, t := range all {
		for _, name := range t.class.Webhooks {
			if declaresSideEffects(s.Snapshot, name) {
				note(name, t)
			}
		}
		if cause, name := t.cause(); cause == facts.CauseNoDryRun && len(t.named(name)) == 0 {
			note(name, t)
		}
	}
	for _, name := range order {
		out.Findings = append(out.Findings, refusesDryRun(s, name, refused[name]))
	}
	return out
}

// declaresSideEffects follows the API server, which calls a webhook in a dry run only when it
// declares that it has none then (mutating/dispatcher.go).
func declaresSideEffects(s *facts.Snapshot, name string) bool {
	w := findWebhook(s, name)
	if w == nil {
		return false
	}
	harmless := []admissionregistrationv1.SideEffectClass{admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.SideEffectClassNoneOnDryRun}
	return w.SideEffects == nil || !slices.Contains(harmless, *w.SideEffects)
}

func refusesDryRun(s *scene, name string, in []admissionRun) checks.Finding {
	f := checks.Finding{
		Object: checks.Object{Kind: "AdmissionWebhook", Name: name},
		Steps: []checks.Step{{Text: fmt.Sprintf(
			"If it can leave out its side effects in a dry run, let it honor request.dryRun and declare sideEffects: NoneOnDryRun in its configuration (%s). Newer versions of most webhooks do.", name)}},
	}
	if w := findWebhook(s.Snapshot, name); w != nil {
		f.Object.Kind = "MutatingWebhook"
		effects := "(none)"
		if w.SideEffects != nil {
			effects = string(*w.SideEffects)
		}
		f.Evidence = append(f.Evidence, "sideEffects of "+name+": "+effects)
	}
	var where []string
	for _, t := range in {
		where = append(where, t.where())
		if cause, _ := t.cause(); cause == facts.CauseNoDryRun {
			f.Evidence = append(f.Evidence, "canary in namespace "+t.canary.Namespace+" (dry run) was refused: "+t.canary.Refusal.OneLine())
		}
	}
	f.Message = "the API server rejects every dry run of a pod in " + strings.Join(where, " and in ") + ", so what becomes of a native sidecar there cannot be tried"
	return f
}
