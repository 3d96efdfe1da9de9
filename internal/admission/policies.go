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

// policy is a MutatingAdmissionPolicy with the bindings that activate it.
type policy struct {
	name       string
	criteria   criteria
	conditions conditions
	bindings   []binding
	// byDryRun is whether it may do something else on dry runs than otherwise, byUser whether it may do something else for
	// somebody else; accounts are those that it then names.
	byDryRun, byUser bool
	accounts         []string
}

type binding struct {
	criteria criteria
	// params says what the binding's parameters are; empty when it has none.
	params string
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

// newPolicies sorts by name, which is not the order of evaluation: the API server gives none.
func newPolicies(list []admissionregistrationv1.MutatingAdmissionPolicy, bindings []admissionregistrationv1.MutatingAdmissionPolicyBinding) []policy {
	var out []policy
	for i := range list {
		p := policy{
			name:       list[i].Name,
			criteria:   newCriteria(list[i].Spec.MatchConstraints),
			conditions: compileConditions(list[i].Spec.MatchConditions, list[i].Spec.ParamKind != nil),
		}
		expressions := expressionsOf(&list[i].Spec)
		p.byDryRun = strings.Contains(expressions, "dryRun")
		p.byUser = strings.Contains(expressions, "userInfo") || strings.Contains(expressions, "authorizer")
		p.accounts = accountsIn(expressions)
		for j := range bindings {
			if bindings[j].Spec.PolicyName != p.name {
				continue
			}
			b := binding{criteria: newCriteria(bindings[j].Spec.MatchResources)}
			if list[i].Spec.ParamKind != nil {
				b.params = list[i].Spec.ParamKind.Kind
			}
			p.bindings = append(p.bindings, b)
		}
		if len(p.bindings) > 0 {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b policy) int { return cmp.Compare(a.name, b.name) })
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
			out = append(out, Call{Configuration: c.policies[i].name, Maybe: maybe})
		}
	}
	return out
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
		why = cmp.Or(why, "its mutations ask for dryRun")
	}
	if p.byUser && w.by == "" {
		why = cmp.Or(why, "its mutations ask who creates the pod")
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
