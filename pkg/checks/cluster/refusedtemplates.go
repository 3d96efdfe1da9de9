package cluster

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Who validates may refuse a workload for the sidecar in its template, before there is any pod.

// refusedTemplate says what the refusal of a workload proves; empty where it proves nothing about sidecars.
func refusedTemplate(r workloadRun) string {
	if r.trial.Update != "" || r.canary == nil || r.canary.Refusal == nil {
		return ""
	}
	with := "a native sidecar"
	switch {
	case r.onlySidecars():
	case r.anyInitContainer():
		with = "any init container, native sidecars among them"
	default:
		return ""
	}
	switch cause, _ := r.cause(); cause {
	case facts.CauseDenied, facts.CausePolicy, facts.CauseOther:
		return "are refused with " + with
	case facts.CauseExpression:
		return "are refused with " + with + ": a match condition fails for them"
	}
	return ""
}

// anyInitContainer reports whether a workload was refused with an init container of any kind, for the same cause, and
// admitted without one.
func (r workloadRun) anyInitContainer() bool {
	if r.control == nil || r.control.Refusal == nil || r.trial.Bare == nil || r.trial.Bare.Returned == nil {
		return false
	}
	cause, by := r.canary.Refusal.Cause()
	ordinary, byWhom := r.control.Refusal.Cause()
	return cause == ordinary && by == byWhom
}

// refusedTemplates are the findings of workloads that are refused for their sidecars: one for each who refuses them for one
// reason.
func refusedTemplates(s *facts.Snapshot) []checks.Finding {
	type group struct {
		workloadGroup
		by    checks.Object
		words string
	}
	var groups []*group
	for _, r := range allWorkloadRuns(s) {
		words := refusedTemplate(r)
		if words == "" {
			continue
		}
		cause, name := r.cause()
		by := r.refusedBy(cause, name)
		if by == r.object() {
			by = checks.Object{Kind: "WorkloadTemplate", Name: r.class.ID}
		}
		i := slices.IndexFunc(groups, func(g *group) bool { return g.by == by && g.words == words })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{workloadGroup: workloadGroup{attribution: &attribution{}}, by: by, words: words})
		}
		groups[i].in = append(groups[i].in, r.admissionRun)
		groups[i].runs = append(groups[i].runs, r)
		groups[i].details = append(groups[i].details, slices.Concat(r.breakageEvidence(r.trial.Kind, r.trial.Kind, cause, name), r.bareEvidence(), r.validators(s, name)))
	}
	var out []checks.Finding
	for _, g := range groups {
		cause, name := g.in[0].cause()
		out = append(out, checks.Finding{
			Object: g.by, Namespaces: g.namespaces(), Message: g.what() + " " + g.words,
			Evidence: g.evidence(), Steps: templateRefusalSteps(cause, name, g.runs[0].onlySidecars()),
		})
	}
	return out
}

// untoldTemplates are the gaps that leave open whether workloads are refused for their sidecars.
func untoldTemplates(s *facts.Snapshot) []facts.Gap {
	all := validatedRuns(s)
	kinds := validatedKinds(s)
	out := workloadGaps(s, all, func(kind string) bool { return concerns(kinds, kind) })
	for _, r := range all {
		switch {
		case slices.ContainsFunc(out, func(g facts.Gap) bool { return g.Instance.Class == r.class.ID }):
		case r.canary == nil:
			out = append(out, facts.NewGap(facts.Canaries, r.trial.Instance(), "it was not tried", facts.HowToGet(facts.Canaries)))
		case r.lostBeforeValidation():
			out = append(out, r.unaskedGap(r.trial.Instance(), r.trial.Kind, templateStripsRestartPolicy.ID))
		case r.canary.Refusal != nil && refusedTemplate(r) == "":
			out = append(out, r.refusedGap(", and "+r.withoutSidecar()))
		}
	}
	return append(out, neverValidated(s)...)
}

// neverValidated are the gaps of those who are asked about workloads that were not tried: none in a snapshot from after
// there were such trials.
func neverValidated(s *facts.Snapshot) []facts.Gap {
	return untriedKinds(s, s.ValidatedWorkloadsTried, validatorsOfTemplates(s))
}

// refusedGap leaves open what a refusal says nothing about; more is what else is known of it.
func (r workloadRun) refusedGap(more string) facts.Gap {
	reason := fmt.Sprintf("a %s with a native sidecar, created with dryRun=All, was refused%s: %s", r.trial.Kind, more, r.canary.Refusal.OneLine())
	return facts.NewGap(facts.Canaries, r.trial.Instance(), reason,
		facts.Do("see what becomes of one of your own:", "kubectl create --dry-run=server -o yaml -f FILE"))
}

// withoutSidecar is what is known of the same without a native sidecar.
func (r workloadRun) withoutSidecar() string {
	switch {
	case r.control == nil:
		return "whether for its sidecar was not tried"
	case r.trial.Bare == nil:
		return "with an ordinary init container instead as well"
	}
	return "without any init container as well"
}

// bareEvidence is what became of the same without any init container.
func (r workloadRun) bareEvidence() []string {
	if !r.anyInitContainer() {
		return nil
	}
	return []string{"the same " + r.trial.Kind + " without any init container was admitted"}
}

// templateRefusalSteps are what to do about who refuses workloads for their sidecars, or for any init container.
func templateRefusalSteps(cause facts.Cause, name string, sidecars bool) []checks.Step {
	switch cause {
	case facts.CauseDenied, facts.CausePolicy:
	default:
		return breakageSteps(cause, name)
	}
	what := "init containers with restartPolicy: Always"
	if !sidecars {
		what = "init containers (also those with restartPolicy: Always)"
	}
	return []checks.Step{{
		Text: "Change the rules of " + name + " so that " + what + " are allowed. If they are fixed in its code, look for a setting or a newer version that allows them; until then leave native sidecars out of this kind.",
	}}
}
