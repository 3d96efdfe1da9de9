package admission

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
)

// policy is a MutatingAdmissionPolicy or a ValidatingAdmissionPolicy, with the bindings that activate it.
type policy struct {
	name       string
	criteria   criteria
	conditions conditions
	bindings   []binding
	// does is what its expressions are.
	does string
	// byDryRun is whether it may do something else on dry runs than otherwise, byUser whether it may do something else for
	// somebody else; accounts are those that it then names.
	byDryRun, byUser bool
	accounts         []string
	// apart says why it may do something else in each namespace; empty when it does not.
	apart string
}

type binding struct {
	criteria criteria
	// params says what the binding's parameters are; empty when it has none, or when they do not matter.
	params string
	// apart says why it may do something else in each namespace; empty when it does not.
	apart string
}

// A policySource is a policy of either kind, as far as both kinds are alike.
type policySource struct {
	name        string
	constraints *admissionregistrationv1.MatchResources
	conditions  []admissionregistrationv1.MatchCondition
	hasParams   bool
	// does is what its expressions are: "mutations".
	does, expressions string
	// apart is that of the policy.
	apart    string
	bindings []binding
}

// criteria is what the API server's policy matcher asks for.
type criteria struct {
	selectors
	resources admissionregistrationv1.MatchResources
}

func newCriteria(r *admissionregistrationv1.MatchResources) criteria {
	if r == nil {
		return criteria{selectors: newSelectors(nil, nil)}
	}
	return criteria{selectors: newSelectors(r.NamespaceSelector, r.ObjectSelector), resources: *r}
}

func (c criteria) GetMatchResources() admissionregistrationv1.MatchResources { return c.resources }

// newPolicies sorts by name, which is not the order of evaluation: the API server gives none. A policy without a binding
// does nothing.
func newPolicies(sources []policySource) []policy {
	var out []policy
	for _, s := range sources {
		if len(s.bindings) == 0 {
			continue
		}
		out = append(out, policy{
			name: s.name, criteria: newCriteria(s.constraints), conditions: compileConditions(s.conditions, s.hasParams), bindings: s.bindings,
			does: s.does, byDryRun: strings.Contains(s.expressions, "dryRun"),
			byUser:   strings.Contains(s.expressions, "userInfo") || strings.Contains(s.expressions, "authorizer"),
			accounts: accountsIn(s.expressions), apart: s.apart,
		})
	}
	slices.SortFunc(out, func(a, b policy) int { return cmp.Compare(a.name, b.name) })
	return out
}

func mutatingSources(list []admissionregistrationv1.MutatingAdmissionPolicy, bindings []admissionregistrationv1.MutatingAdmissionPolicyBinding) []policySource {
	var out []policySource
	for i := range list {
		spec := &list[i].Spec
		s := policySource{
			name: list[i].Name, constraints: spec.MatchConstraints, conditions: spec.MatchConditions, hasParams: spec.ParamKind != nil,
			does: "mutations", expressions: expressionsOf(spec),
		}
		for j := range bindings {
			if bindings[j].Spec.PolicyName != s.name {
				continue
			}
			b := binding{criteria: newCriteria(bindings[j].Spec.MatchResources)}
			if spec.ParamKind != nil {
				b.params = spec.ParamKind.Kind
			}
			s.bindings = append(s.bindings, b)
		}
		out = append(out, s)
	}
	return out
}

// Policies are the bound MutatingAdmissionPolicies that act, or may act, on the creation of pod in
// ns. They run before all webhooks.
func (c *Chain) Policies(ns *corev1.Namespace, pod *corev1.Pod) []Call {
	if len(c.policies) == 0 {
		return nil
	}
	attr := attributes(ns, pod)
	var out []Call
	for i := range c.policies {
		if acts, maybe := c.policies[i].acts(ns, attr, c.who); acts {
			out = append(out, Call{Configuration: c.policies[i].name, Maybe: maybe, Apart: c.policies[i].apartIn(ns, attr)})
		}
	}
	return out
}

// apartIn is why the policy may do something else in another namespace where the same of its bindings match.
func (p *policy) apartIn(ns *corev1.Namespace, attr *admission.VersionedAttributes) string {
	if p.apart != "" {
		return p.apart
	}
	for _, b := range p.bindings {
		if b.apart == "" {
			continue
		}
		if ok, err := matches(ns, attr, b.criteria); ok || err != nil {
			return b.apart
		}
	}
	return ""
}

// acts follows the policy dispatcher: the policy's own constraints, then those of any binding, then
// the matchConditions.
func (p *policy) acts(ns *corev1.Namespace, attr *admission.VersionedAttributes, w who) (acts bool, maybe string) {
	ok, err := matches(ns, attr, p.criteria)
	if err == nil && !ok {
		return false, ""
	}
	if err != nil {
		return true, fmt.Sprintf("matchConstraints: %v", err)
	}
	bound, why := false, ""
	for _, b := range p.bindings {
		ok, err := matches(ns, attr, b.criteria)
		switch {
		case err != nil:
			bound, why = true, fmt.Sprintf("matchResources of a binding: %v", err)
		case ok && b.params != "":
			bound, why = true, fmt.Sprintf("its parameters (%s) are not read", b.params)
		case ok:
			bound = true
		}
	}
	if !bound {
		return false, ""
	}
	acts, maybe = p.conditions.match(attr, cel.CreateNamespaceObject(ns), w)
	if p.byDryRun {
		why = cmp.Or(why, "its "+p.does+" ask for dryRun")
	}
	if p.byUser && w.by == "" {
		why = cmp.Or(why, "its "+p.does+" ask who creates the pod")
	}
	return acts, cmp.Or(maybe, why)
}

// expressionsOf are the expressions that say what a policy does, rather than whether it acts. What conditions ask for is
// known where they are evaluated.
func expressionsOf(spec *admissionregistrationv1.MutatingAdmissionPolicySpec) string {
	var out []string
	for _, v := range spec.Variables {
		out = append(out, v.Expression)
	}
	for _, m := range spec.Mutations {
		if m.JSONPatch != nil {
			out = append(out, m.JSONPatch.Expression)
		}
		if m.ApplyConfiguration != nil {
			out = append(out, m.ApplyConfiguration.Expression)
		}
	}
	return strings.Join(out, "\n")
}

func matches(ns *corev1.Namespace, attr *admission.VersionedAttributes, c criteria) (bool, error) {
	m := matching.NewMatcher(oneNamespace{ns}, nil)
	ok, _, _, err := m.Matches(attr, podInterfaces{}, c)
	return ok, err
}

// podInterfaces answers the only question that the matcher asks about a pod: which other resources
// are equivalent to it. None is.
type podInterfaces struct{ admission.ObjectInterfaces }

func (podInterfaces) GetEquivalentResourceMapper() runtime.EquivalentResourceMapper {
	return runtime.NewEquivalentResourceRegistry()
}
