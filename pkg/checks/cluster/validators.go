package cluster

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// validatingKinds are those who are asked about a pod last, and can only refuse it. What becomes of a pod that is admitted
// is known without them; for which namespaces a canary speaks that was admitted is not.
var validatingKinds = []facts.Kind{facts.ValidatingWebhooks, facts.ValidatingPolicies}

// unvalidated are the gaps of what was not read of validating webhooks and policies, and of those for which a canary that
// came back does not speak.
func (s *scene) unvalidated() []facts.Gap {
	var out []facts.Gap
	for _, t := range s.runs {
		if len(t.class.Validating) > 0 && t.lostBeforeValidation() {
			out = append(out, t.unaskedGap(t.class.Instance(), "canary", webhookStripsRestartPolicy.ID))
		}
	}
	if !slices.ContainsFunc(s.runs, cameBack) {
		return out // nothing is said to be admitted
	}
	for _, kind := range validatingKinds {
		if s.Has(kind) {
			out = append(out, s.GapsOf(kind, "*")...)
		}
	}
	switch webhooks, policies := s.Has(facts.ValidatingWebhooks), s.Has(facts.ValidatingPolicies); {
	case !webhooks && !policies:
		g := checks.Unread(s.Snapshot, facts.ValidatingWebhooks)[0]
		g.Reason = "neither these nor validating admission policies were looked for: one that refuses pods in some namespaces only is not known"
		out = append(out, g)
	case !webhooks:
		out = append(out, checks.Unread(s.Snapshot, facts.ValidatingWebhooks)...)
	case !policies:
		out = append(out, checks.Unread(s.Snapshot, facts.ValidatingPolicies)...)
	}
	return append(out, s.doubtfulValidators()...)
}

// lostBeforeValidation reports whether there was no native sidecar any more when those who validate were asked: the API
// server or a mutating webhook had taken it, or validation refused what that left.
func (t admissionRun) lostBeforeValidation() bool {
	if cause, _ := t.cause(); cause == facts.CauseStripped {
		return true
	}
	return cameBack(t) && !slices.ContainsFunc(t.canary.Returned.Spec.InitContainers, func(c corev1.Container) bool { return facts.RestartsAlways(&c) })
}

// unaskedGap leaves open what those who validate do with a sidecar that was lost before; sent is what was created, and mend
// the check that says who took it.
func (t admissionRun) unaskedGap(instance facts.Instance, sent, mend string) facts.Gap {
	remedy := facts.Do("mend what takes it away first, then run this again:", "kubectl sidecar explain "+mend)
	if t.canary.Template == facts.TemplateLost {
		remedy = turnItOn
	}
	return facts.NewGap(facts.Canaries, instance, fmt.Sprintf("the %s had lost its native sidecar before these were asked, so whether they refuse one is not known: %s",
		sent, prose.Some(t.validatorNames(), 3)), remedy)
}

// doubtfulValidators are the gaps of those who may not have been asked about the canaries, or who may do something else in
// another namespace: one gap for each.
func (s *scene) doubtfulValidators() []facts.Gap {
	type doubt struct {
		called, why string
		in          attribution
	}
	var doubts []*doubt
	all := slices.Clone(s.runs)
	for _, r := range validatedRuns(s.Snapshot) {
		all = append(all, r.admissionRun)
	}
	for _, t := range all {
		if !cameBack(t) {
			continue
		}
		for _, v := range t.class.Validating {
			if v.Uncertain == "" {
				continue
			}
			i := slices.IndexFunc(doubts, func(d *doubt) bool { return d.called == v.Called })
			if i < 0 {
				i = len(doubts)
				doubts = append(doubts, &doubt{called: v.Called, why: v.Uncertain})
			}
			doubts[i].in.in = append(doubts[i].in.in, t)
		}
	}
	var out []facts.Gap
	for _, d := range doubts {
		out = append(out, facts.UntriedValidator(d.called, "it is not certain that canaries speak for what it does in "+d.in.where()+": "+d.why))
	}
	return out
}

// validating are those who are asked about the canary of the class and have the name that the API server used: of a
// webhook its own, without its configuration.
func (t admissionRun) validating(name string) []string {
	var out []string
	for _, v := range t.class.Validating {
		if v.Called == name || strings.HasSuffix(v.Called, "/"+name) {
			out = append(out, v.Called)
		}
	}
	return out
}

// validatorNames are all who are asked about the canary of the class.
func (t admissionRun) validatorNames() []string {
	var out []string
	for _, v := range t.class.Validating {
		out = append(out, v.Called)
	}
	return out
}

// validators is the evidence of who validates pods in the class: the one that is named, with what makes it so; else all.
func (t admissionRun) validators(s *facts.Snapshot, name string) []string {
	if named := t.validating(name); len(named) == 1 && len(t.named(name)) == 0 {
		what := "validating admission policy "
		if strings.Contains(named[0], "/") {
			what = "validating webhook "
		}
		return []string{what + named[0] + validatingSelection(s, named[0])}
	}
	all := t.validatorNames()
	if len(all) == 0 {
		return nil
	}
	return []string{"validating policies and webhooks there: " + strings.Join(all, ", ")}
}

// validatingSelection says for which namespaces and pods a validating webhook is asked, or by which binding a policy
// refuses; empty for all.
func validatingSelection(s *facts.Snapshot, called string) string {
	configuration, webhook, _ := strings.Cut(called, "/")
	for i := range s.ValidatingWebhooks {
		for _, w := range s.ValidatingWebhooks[i].Webhooks {
			if s.ValidatingWebhooks[i].Name == configuration && w.Name == webhook {
				return selected(w.NamespaceSelector, w.ObjectSelector, w.MatchConditions)
			}
		}
	}
	for _, p := range s.ValidatingPolicies {
		if p.Name == called && len(p.Bindings) > 0 {
			return " (by " + strings.Join(p.Bindings, ", ") + ")"
		}
	}
	return ""
}
