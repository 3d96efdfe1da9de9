package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// Init containers of a pod are immutable. A webhook that strips a field of them whenever the pod is updated makes the
// API server reject the update: labels, annotations, and the finalizers that controllers put on pods and remove.
var webhookBreaksPodUpdates = rule{
	Check: checks.Check{
		ID:       checks.WebhookBreaksPodUpdates,
		Title:    "admission lets pods with native sidecars be updated",
		Severity: checks.Error,
		Category: checks.Admission,
		Needs:    admissionNeeds,
	},
	Run: runBreaksUpdates,
}

// An updateRun is an update of a pod with dryRun=All.
type updateRun struct {
	admissionRun
	update *facts.PodUpdate
}

func runBreaksUpdates(s *scene) checks.Outcome {
	var (
		out  checks.Outcome
		all  []updateRun
		runs []admissionRun
	)
	for i := range s.PodUpdates {
		u := &s.PodUpdates[i]
		all = append(all, updateRun{admissionRun{class: u.Class, canary: u.Canary}, u})
		runs = append(runs, all[i].admissionRun)
	}
	for _, g := range s.GapsOf(facts.Canaries, "*") {
		if ofUpdates(g) {
			out.Missing = append(out.Missing, g)
		}
	}
	tried := 0
	for _, r := range all {
		findings, gaps := r.judge(s.Snapshot, runs)
		if len(gaps) == 0 {
			tried++
		}
		for _, f := range findings {
			// One webhook breaks all kinds of pods alike.
			if !slices.ContainsFunc(out.Findings, func(other checks.Finding) bool { return other.Object == f.Object }) {
				out.Findings = append(out.Findings, f)
			}
		}
		for _, g := range gaps {
			if !slices.ContainsFunc(out.Missing, func(other facts.Gap) bool { return other.Scope == g.Scope }) {
				out.Missing = append(out.Missing, g)
			}
		}
	}
	never := updatesNeverTried(s.Snapshot)
	out.Missing = append(out.Missing, never...)
	switch {
	case len(all) > 0:
		out.Tried = fmt.Sprintf("%d of %s of pods", tried, prose.Counted(len(all), "update"))
	case len(never) > 0:
		out.Tried = "no update of a pod"
	default:
		out.Tried = "no webhook or policy sees updates of pods"
	}
	return out
}

// judge is what an update tells, and what it leaves open.
func (r updateRun) judge(s *facts.Snapshot, all []admissionRun) (found []checks.Finding, gaps []facts.Gap) {
	if r.canary == nil {
		if slices.ContainsFunc(s.GapsOf(facts.Canaries, "*"), func(g facts.Gap) bool { return g.Instance.Class == r.class.ID }) {
			return nil, nil
		}
		return nil, []facts.Gap{facts.NewGap(facts.Canaries, r.update.Instance(), "it was not tried", facts.HowToGet(facts.Canaries))}
	}
	cause, _ := r.cause()
	switch {
	case r.update.Pod == "":
		return r.asked(s)
	case cause == facts.CauseImmutable, cause == facts.CauseStripped:
		return r.broken(s, all), nil
	case r.canary.Refusal != nil:
		return nil, []facts.Gap{facts.NewGap(facts.Canaries, r.update.Instance(), fmt.Sprintf("a label of pod %s/%s, set with dryRun=All, was refused: %s", r.canary.Namespace, r.update.Pod, r.canary.Refusal.OneLine()),
			facts.Do("set a label of it by hand to see what refuses it:", prose.Shell("kubectl label pod %s -n %s --dry-run=server canary=update", r.update.Pod, r.canary.Namespace)))}
	}
	return nil, r.uncertain()
}

// uncertain are the gaps of those who might not have seen the update.
func (r updateRun) uncertain() []facts.Gap {
	var out []facts.Gap
	for _, name := range r.actors() {
		if why := r.class.Uncertain[name]; why != "" {
			g := facts.NewGap(facts.Canaries, r.update.Instance(), "it is not certain that the update met "+name+": "+why,
				facts.Do("look for events and controller logs that say: pod updates may not change fields"))
			g.Scope += " " + name
			out = append(out, g)
		}
	}
	return out
}

// asked is what the webhooks say that were called directly, because there is no pod with a native sidecar.
func (r updateRun) asked(s *facts.Snapshot) (found []checks.Finding, gaps []facts.Gap) {
	for _, review := range r.canary.Reviews {
		switch {
		case len(review.Changes) > 0:
			found = append(found, r.finding(s, review.Webhook, []string{
				fmt.Sprintf("called directly (%s, dryRun: true) with the update of a pod with a native sidecar, it returned: %s", review.Method, strings.Join(review.Patch, " ")),
			}))
		case review.Error != "":
			gaps = append(gaps, r.untried(review.Webhook, "it could not be called directly: "+review.Error))
		}
	}
	for _, p := range r.class.Policies {
		gaps = append(gaps, r.untried(p, "policies cannot be called directly"))
	}
	return found, append(gaps, r.uncertain()...)
}

func (r updateRun) untried(name, why string) facts.Gap {
	g := facts.NewGap(facts.Canaries, r.update.Instance(), fmt.Sprintf("%s sees updates of pods; there is no pod with a native sidecar to try one on, and %s", name, why),
		facts.Do("run this again when there is a pod with a native sidecar"))
	g.Scope += " " + name
	return g
}

// broken are the findings of a rejected update: one for each that is proven to have caused it.
func (r updateRun) broken(s *facts.Snapshot, all []admissionRun) []checks.Finding {
	happened := []string{fmt.Sprintf("a label of pod %s/%s, set with dryRun=All, was rejected: %s", r.canary.Namespace, r.update.Pod, r.canary.Refusal.OneLine())}
	var out []checks.Finding
	for _, kind := range []facts.ChangeKind{facts.Stripped, facts.Moved, facts.Removed} {
		for _, c := range r.replayed(kind) {
			out = append(out, r.finding(s, c.name, append(slices.Clone(happened), c.proof...)))
		}
	}
	if len(out) > 0 {
		return out
	}
	cleared := r.answeredWithout(func(review facts.Review) bool { return len(review.Changes) > 0 })
	switch left := except(r.actors(), cleared); len(left) {
	case 1:
		return []checks.Finding{r.finding(s, left[0], append(happened, "nobody else that can have done it is called there"))}
	default:
		return []checks.Finding{r.finding(s, "", append(happened, r.doubt(left, nil)...))}
	}
}

func (r updateRun) finding(s *facts.Snapshot, name string, evidence []string) checks.Finding {
	f := checks.Finding{
		Message: "no pod with a native sidecar can be updated in " + r.namespaces() +
			": it changes their init containers, so every change of a label, annotation or finalizer is rejected, and Jobs never complete",
		Evidence: append(evidence, workloadRun{admissionRun: r.admissionRun}.called()...),
	}
	v := &attribution{name: name, in: []admissionRun{r.admissionRun}}
	f.Object = v.object(s)
	if name == "" {
		f.Namespaces, name = r.class.Namespaces, "the webhook"
	}
	f.Steps = v.steps(s, UpdateFix(name)...)
	return f
}

// UpdateFix is what to do about a webhook that breaks updates of pods.
func UpdateFix(name string) []checks.Step {
	return []checks.Step{{
		Text: update(name) + " Until then take UPDATE of pods out of its rules: pods that exist already can then be updated again.",
	}}
}

// updatesNeverTried are the gaps of a snapshot from before updates were tried, where somebody sees them.
func updatesNeverTried(s *facts.Snapshot) []facts.Gap {
	if s.WorkloadsTried {
		return nil
	}
	var out []facts.Gap
	note := func(name string, sees bool) {
		if sees {
			g := facts.NewGap(facts.Canaries, facts.Instance{Kind: "Pod", Name: name, Part: facts.PartUpdate},
				name+" sees updates of pods, which were not tried when the snapshot was taken", facts.HowToGet(facts.Canaries))
			g.Scope += " " + name
			out = append(out, g)
		}
	}
	for _, w := range installed(s) {
		note(w.name(), facts.SeesPodUpdates(w.spec.Rules))
	}
	for _, p := range s.MutatingPolicies {
		note(p.Name, len(p.Bindings) > 0 && p.MatchesPodUpdates)
	}
	return out
}
