package admission

import (
	"cmp"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// podCreation is what validating webhooks and policies are looked at for.
var podCreation = Target{Kind: podKind, Resource: podResource}

// ofOurAccount is the match condition of the policy that comes with the manifests of this program, and that keeps its
// service account from doing more than dry runs. Nobody else's pods are its business.
const ofOurAccount = `request.userInfo.username.matches('^system:serviceaccount:[^:]+:kubectl-sidecar$')`

// newRefusing is the chain of those that are asked whether something may be done, and can only refuse it.
func newRefusing(c Config) *Chain {
	configs := slices.Clone(c.ValidatingWebhooks)
	slices.SortStableFunc(configs, func(a, b admissionregistrationv1.ValidatingWebhookConfiguration) int {
		return cmp.Compare(a.Name, b.Name)
	})
	chain := &Chain{policies: newPolicies(validatingSources(c.ValidatingPolicies, c.ValidatingBindings)), who: who{users: creators}}
	for i := range configs {
		for j := range configs[i].Webhooks {
			if w := &configs[i].Webhooks[j]; len(w.Rules) > 0 {
				chain.webhooks = append(chain.webhooks, newHook(configs[i].Name, selectedAs(w)))
			}
		}
	}
	return chain
}

// about is the chain of those who have a rule for the target. The others are left out, and with them what they ask of
// namespaces.
func (c *Chain) about(t Target) *Chain {
	out := &Chain{who: c.who}
	for i := range c.policies {
		if t.ofPolicy(&c.policies[i]) {
			out.policies = append(out.policies, c.policies[i])
		}
	}
	for i := range c.webhooks {
		if t.ofHook(&c.webhooks[i]) {
			out.webhooks = append(out.webhooks, c.webhooks[i])
		}
	}
	return out
}

// selectedAs is a mutating webhook that is called for the same as a validating one: both are chosen in the same way.
func selectedAs(w *admissionregistrationv1.ValidatingWebhook) *admissionregistrationv1.MutatingWebhook {
	return &admissionregistrationv1.MutatingWebhook{
		Name: w.Name, Rules: w.Rules, NamespaceSelector: w.NamespaceSelector, ObjectSelector: w.ObjectSelector, MatchConditions: w.MatchConditions,
		MatchPolicy: w.MatchPolicy, FailurePolicy: w.FailurePolicy, SideEffects: w.SideEffects, TimeoutSeconds: w.TimeoutSeconds,
	}
}

// validatingSources are the policies that have rules, each with the bindings by which it refuses: one that only
// warns, or leaves a note in the audit log, stops nobody.
func validatingSources(list []admissionregistrationv1.ValidatingAdmissionPolicy, bindings []admissionregistrationv1.ValidatingAdmissionPolicyBinding) []policySource {
	var out []policySource
	for i := range list {
		spec := &list[i].Spec
		if spec.MatchConstraints == nil || len(spec.MatchConstraints.ResourceRules) == 0 || ofOurs(spec.MatchConditions) {
			continue
		}
		s := policySource{
			name: list[i].Name, constraints: spec.MatchConstraints, conditions: spec.MatchConditions, hasParams: spec.ParamKind != nil,
			does: "validations", expressions: validationsOf(spec),
		}
		if namespaceWord.MatchString(s.expressions) {
			s.apart = "its validations ask for the namespace"
		}
		for j := range bindings {
			if b := &bindings[j].Spec; b.PolicyName == s.name && slices.Contains(b.ValidationActions, admissionregistrationv1.Deny) {
				s.bindings = append(s.bindings, refusingBinding(spec.ParamKind, b))
			}
		}
		out = append(out, s)
	}
	return out
}

// refusingBinding is a binding with what is known of its parameters. Those of all namespaces are the same for the canary
// as for every other pod: they need not be read.
func refusingBinding(kind *admissionregistrationv1.ParamKind, spec *admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec) binding {
	b := binding{criteria: newCriteria(spec.MatchResources)}
	if kind != nil && spec.ParamRef != nil && spec.ParamRef.Namespace == "" {
		b.apart = "its parameters (" + kind.Kind + ") may be others in each namespace"
	}
	return b
}

func ofOurs(list []admissionregistrationv1.MatchCondition) bool {
	return slices.ContainsFunc(list, func(c admissionregistrationv1.MatchCondition) bool {
		return strings.TrimSpace(c.Expression) == ofOurAccount
	})
}

// namespaceWord is in expressions that may ask for the namespace: as the object, or by its name.
var namespaceWord = pattern.New(`namespaceObject|\bnamespace\b`)

// validationsOf are the expressions by which a policy decides. What it then says, and notes in the audit log, is none of
// them.
func validationsOf(spec *admissionregistrationv1.ValidatingAdmissionPolicySpec) string {
	var out []string
	for _, v := range spec.Variables {
		out = append(out, v.Expression)
	}
	for _, v := range spec.Validations {
		out = append(out, v.Expression)
	}
	return strings.Join(out, "\n")
}

// Validating are the validating policies and webhooks that are asked, or may be, about the creation of pod in ns.
func (c *Chain) Validating(ns *corev1.Namespace, pod *corev1.Pod) []Call {
	if c.validating == nil {
		return nil
	}
	return c.validating.All(ns, pod)
}

// Validators is the chain of the validating webhooks and policies alone, as if they were mutating.
func (c *Chain) Validators() *Chain {
	if c.validating == nil {
		return &Chain{who: c.who}
	}
	return c.validating
}

// MayRefuse reports whether the rules of some validating webhook or policy have the target's creation.
func (c *Chain) MayRefuse(t Target) bool {
	return !t.Update && c.refusing != nil && c.refusing.MayMatch(t)
}

// Besides is the chain without those of these names.
func (c *Chain) Besides(names map[string]bool) *Chain {
	out := &Chain{who: c.who}
	for i := range c.policies {
		if !names[c.policies[i].name] {
			out.policies = append(out.policies, c.policies[i])
		}
	}
	for i := range c.webhooks {
		if h := &c.webhooks[i]; !names[(Call{Configuration: h.configuration, Webhook: h.spec.Name}).Name()] {
			out.webhooks = append(out.webhooks, *h)
		}
	}
	return out
}

// All are the webhooks and policies that are called, or may be, for the creation of pod in ns.
func (c *Chain) All(ns *corev1.Namespace, pod *corev1.Pod) []Call {
	return append(c.Policies(ns, pod), c.Webhooks(ns, pod)...)
}
