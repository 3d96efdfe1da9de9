package cluster

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A workloadRun is a workload that was created with dryRun=All, as the rooms of admission see it.
type workloadRun struct {
	admissionRun
	trial *facts.WorkloadTrial
}

// workloadRuns are the trials in which somebody may change the template.
func workloadRuns(s *facts.Snapshot) []workloadRun {
	return slices.DeleteFunc(allWorkloadRuns(s), func(r workloadRun) bool {
		return r.trial.Update == "" && len(r.class.Webhooks)+len(r.class.Policies) == 0
	})
}

// validatedRuns are the trials of creations that somebody validates.
func validatedRuns(s *facts.Snapshot) []workloadRun {
	return slices.DeleteFunc(allWorkloadRuns(s), func(r workloadRun) bool { return r.trial.Update != "" || len(r.class.Validating) == 0 })
}

func allWorkloadRuns(s *facts.Snapshot) []workloadRun {
	var out []workloadRun
	for i := range s.Workloads {
		t := &s.Workloads[i]
		out = append(out, workloadRun{admissionRun{class: t.Class, canary: t.Canary, control: t.Control}, t})
	}
	return out
}

// ofWorkloads and ofUpdates report what a gap of the canaries is about; what is neither is about pods.
func ofWorkloads(g facts.Gap) bool { return g.Instance.Part == facts.PartWorkload }
func ofUpdates(g facts.Gap) bool   { return g.Instance.Part == facts.PartUpdate }

// where says which templates these are.
func (r workloadRun) where() string {
	if len(r.trial.Examples) > 0 {
		return "like that of " + prose.SomeOf(r.trial.Examples, 3, r.trial.Templates)
	}
	return "in " + r.namespaces()
}

// called is the evidence of who sees the workload.
func (r workloadRun) called() []string {
	var out []string
	if len(r.class.Policies) > 0 {
		out = append(out, "mutating admission policies there: "+strings.Join(r.class.Policies, ", "))
	}
	if len(r.class.Webhooks) > 0 {
		out = append(out, "mutating webhooks there, in call order: "+strings.Join(r.class.Webhooks, "; "))
	}
	return out
}

// happened is what became of the template, of one kind.
func (r workloadRun) happened(kind facts.ChangeKind) []string {
	if r.canary == nil || r.canary.Template == facts.TemplateLost {
		return nil
	}
	if r.trial.Update != "" && (r.trial.Update == facts.ByReview || r.canary.Refusal != nil) {
		return r.happenedOnUpdate(kind)
	}
	if cause, _ := r.cause(); cause == facts.CauseStripped && kind == facts.Stripped {
		return []string{r.trial.Kind + " in namespace " + r.canary.Namespace + " (dry run) was refused: " + r.canary.Refusal.OneLine()}
	}
	var out []string
	for _, c := range changesOf(r.admissionRun, kind) {
		out = append(out, fmt.Sprintf("%s in namespace %s (dry run%s): %s", r.trial.Kind, r.canary.Namespace, r.ofUpdate(), c.Detail))
	}
	if len(out) > 0 && r.canary.Template == facts.TemplateUnknown {
		out = append(out, "whether the API server itself keeps the field was not tried: see apiserver-gate-off")
	}
	return out
}

// missing are the gaps that leave open what becomes of templates.
func missingWorkloads(s *facts.Snapshot, all []workloadRun) []facts.Gap {
	changed, refused := mutatedKinds(s), validatedKinds(s)
	out := workloadGaps(s, all, func(kind string) bool { return concerns(changed, kind) || !concerns(refused, kind) })
	return append(append(out, openOf(s, out, all)...), neverTried(s)...)
}

// workloadGaps are the recorded gaps of these trials, and those about a kind as a whole, or about all of them.
func workloadGaps(s *facts.Snapshot, all []workloadRun, about func(kind string) bool) []facts.Gap {
	var out []facts.Gap
	for _, g := range s.GapsOf(facts.Canaries, "*") {
		switch i := g.Instance; {
		case !ofWorkloads(g):
		case i.Class != "":
			if slices.ContainsFunc(all, func(r workloadRun) bool { return r.class.ID == i.Class }) {
				out = append(out, g)
			}
		case about(i.Kind):
			out = append(out, g)
		}
	}
	return out
}

// concerns reports whether a kind is, or may be, one of those that somebody sees.
func concerns(seen []string, kind string) bool {
	builtIn := slices.ContainsFunc(facts.TemplateKinds, func(k facts.TemplateKind) bool { return k.Kind == kind })
	return slices.Contains(seen, kind) || !builtIn && len(seen) > 0
}

// mutatedKinds are the kinds whose templates somebody may change.
func mutatedKinds(s *facts.Snapshot) []string { return kindsOf(mutatorsOfTemplates(s)) }

// validatedKinds are the kinds whose creation somebody may refuse.
func validatedKinds(s *facts.Snapshot) []string { return kindsOf(validatorsOfTemplates(s)) }

func kindsOf(all []seesKinds) []string {
	var out []string
	for _, who := range all {
		out = append(out, who.kinds...)
	}
	return out
}

// openOf are the gaps of single trials, those left out that the collector has recorded itself.
func openOf(s *facts.Snapshot, recorded []facts.Gap, all []workloadRun) []facts.Gap {
	var out []facts.Gap
	for _, r := range all {
		cause, _ := r.cause()
		switch {
		case slices.ContainsFunc(recorded, func(g facts.Gap) bool { return g.Instance.Class == r.class.ID }):
		case r.canary == nil:
			out = append(out, facts.NewGap(facts.Canaries, r.trial.Instance(), "it was not tried", facts.HowToGet(facts.Canaries)))
		case r.canary.Template == facts.TemplateLost:
			out = append(out, facts.NewGap(facts.Canaries, r.trial.Instance(), "the API server itself drops restartPolicy, so this does not show what webhooks do", turnItOn))
		case r.trial.Update != "" && (r.trial.Update == facts.ByReview || r.canary.Refusal != nil):
			out = append(out, r.openUpdate(s)...)
		case refusedTemplate(r) != "": // webhook-breaks-canary says so
		case r.canary.Refusal != nil && cause != facts.CauseStripped:
			out = append(out, r.refusedGap(""))
		default:
			out = append(out, r.doubtfulCalls(s)...)
		}
	}
	return out
}

// doubtfulCalls are the gaps of those who might not have seen the workload, or might have done nothing because it was a
// dry run.
func (r workloadRun) doubtfulCalls(s *facts.Snapshot) []facts.Gap {
	var out []facts.Gap
	for _, name := range r.actors() {
		why := r.class.Uncertain[name]
		if why == "" && r.canary.Refusal == nil && len(r.canary.Changes()) == 0 {
			why = r.unproven(findWebhook(s, name), name)
		}
		if why == "" {
			continue
		}
		g := facts.NewGap(facts.Canaries, r.trial.Instance(), fmt.Sprintf("it is not certain what %s does to it: %s", name, why),
			facts.Do("look for restartPolicy in a workload of your own that it is meant for:", prose.Shell("kubectl get %s -A -o yaml", r.trial.Resource)))
		g.Scope += " " + name
		out = append(out, g)
	}
	return out
}

// unproven says why a webhook is not proven to leave a template alone that came back well; empty when it is. What changed
// something when it was called directly, which is a dry run as well, does not keep still in one.
func (r workloadRun) unproven(w *admissionregistrationv1.MutatingWebhook, name string) string {
	i := slices.IndexFunc(r.canary.Reviews, func(review facts.Review) bool { return review.Webhook == name })
	if facts.IdleOnDryRun(w) && (i < 0 || r.canary.Reviews[i].Operations == 0 || r.canary.Reviews[i].Error != "") {
		return "its sideEffects are NoneOnDryRun, so it may do nothing in a dry run"
	}
	switch {
	case !facts.FailsOpen(w):
	case i < 0:
		return "its failurePolicy is Ignore, and whether it answers was not tried"
	case r.canary.Reviews[i].Error != "":
		return "its failurePolicy is Ignore, and when it was called directly it gave no answer: " + r.canary.Reviews[i].Error
	}
	return ""
}

// seesKinds is who is asked about kinds with a pod template.
type seesKinds struct {
	name  string
	kinds []string
}

// mutatorsOfTemplates are the webhooks and policies that may change templates, with the kinds that they see.
func mutatorsOfTemplates(s *facts.Snapshot) []seesKinds {
	var out []seesKinds
	for _, w := range installed(s) {
		out = append(out, seesKinds{w.name(), facts.SeesTemplates(w.spec.Rules)})
	}
	for _, p := range s.MutatingPolicies {
		if len(p.Bindings) > 0 {
			out = append(out, seesKinds{p.Name, p.MatchesTemplates})
		}
	}
	return out
}

// validatorsOfTemplates are those that may refuse the creation of workloads, with the kinds that they are asked about.
func validatorsOfTemplates(s *facts.Snapshot) []seesKinds {
	var out []seesKinds
	for i := range s.ValidatingWebhooks {
		for _, w := range s.ValidatingWebhooks[i].Webhooks {
			out = append(out, seesKinds{s.ValidatingWebhooks[i].Name + "/" + w.Name, facts.CreatesTemplates(w.Rules)})
		}
	}
	for _, p := range s.ValidatingPolicies {
		if len(p.Bindings) > 0 {
			out = append(out, seesKinds{p.Name, p.MatchesTemplates})
		}
	}
	return out
}

// neverTried are the gaps of those who see templates that were not tried: none in a snapshot from after there were such
// trials, where the CRDs were looked for.
func neverTried(s *facts.Snapshot) []facts.Gap {
	return untriedKinds(s, s.WorkloadsTried, mutatorsOfTemplates(s))
}

// untriedKinds are the gaps of kinds that were not tried though somebody sees them; one of custom resources where it is not
// known which of them have a template.
func untriedKinds(s *facts.Snapshot, tried bool, all []seesKinds) []facts.Gap {
	var out []facts.Gap
	for _, who := range all {
		switch {
		case len(who.kinds) == 0:
		case !tried:
			g := facts.NewGap(facts.Canaries, facts.Instance{Kind: "Workload", Name: who.name, Part: facts.PartWorkload},
				fmt.Sprintf("%s sees templates that were not tried when the snapshot was taken: %s", who.name, strings.Join(who.kinds, ", ")), facts.HowToGet(facts.Canaries))
			g.Scope += " " + who.name
			out = append(out, g)
		case slices.Contains(who.kinds, facts.CustomResources) && !s.Has(facts.CRDs) && len(out) == 0:
			out = append(out, checks.Unread(s, facts.CRDs)...)
		}
	}
	return out
}

// A workloadGroup is an attribution of what happened to templates.
type workloadGroup struct {
	*attribution
	runs []workloadRun // those of in
}

// byCulprit groups the changed templates of one kind of change by who did it. Where that is not known, it is one group
// for each.
func byCulprit(all []workloadRun, kind facts.ChangeKind) []*workloadGroup {
	var plain []admissionRun
	byClass := map[string]workloadRun{}
	for _, r := range all {
		plain = append(plain, r.admissionRun)
		byClass[r.class.ID] = r
	}
	var out []*workloadGroup
	for _, v := range attributions(plain, kind, func(t admissionRun) []string { return byClass[t.class.ID].happened(kind) }) {
		g := &workloadGroup{attribution: v}
		for _, t := range v.in {
			g.runs = append(g.runs, byClass[t.class.ID])
		}
		out = append(out, g)
	}
	return out
}

// what names the templates of the group: "templates of Deployments and Jobs in namespace shop".
func (g *workloadGroup) what() string {
	var kinds, namespaces, own []string
	owned := 0
	for _, r := range g.runs {
		kinds = append(kinds, r.trial.Kind+"s")
		if len(r.trial.Examples) == 0 {
			namespaces = append(namespaces, r.class.Namespaces...)
		}
	}
	for _, r := range g.runs {
		// What was created and updated, or made into two kinds, is the same workload.
		if more := except(r.trial.Examples, own); len(more) > 0 && len(except(r.class.Namespaces, namespaces)) > 0 {
			own, owned = append(own, more...), owned+r.trial.Templates
		}
	}
	slices.Sort(kinds)
	slices.Sort(namespaces)
	out := "templates of " + prose.List(slices.Compact(kinds), "and")
	if g.onUpdates() && !g.rejected() {
		out = "on every update, " + out
	}
	var in []string
	if len(namespaces) > 0 {
		all := admissionRun{class: facts.Class{Namespaces: slices.Compact(namespaces)}}
		in = append(in, "in "+all.namespaces())
	}
	if len(own) > 0 {
		in = append(in, "like that of "+prose.SomeOf(own, 3, owned))
	}
	return out + " " + strings.Join(in, ", and ")
}

func (g *workloadGroup) object(s *facts.Snapshot) checks.Object {
	if g.name == "" {
		return checks.Object{Kind: "WorkloadTemplate", Name: g.runs[0].class.ID}
	}
	return g.attribution.object(s)
}

func (g *workloadGroup) evidence() []string {
	out := append(slices.Clone(g.details[0]), g.runs[0].called()...)
	var others []string
	for _, r := range g.runs[1:] {
		others = append(others, r.trial.Kind+" "+r.where())
	}
	if len(others) > 0 {
		out = append(out, "the same of "+prose.Some(others, 5))
	}
	return out
}
