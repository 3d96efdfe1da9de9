package admission

import (
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A Target is what a request is about, apart from its object: anything but the creation of a pod, for which
// there are [Chain.Webhooks] and [Chain.Policies].
type Target struct {
	Kind     schema.GroupVersionKind
	Resource schema.GroupVersionResource
	// Versions are all served versions of a custom resource: with matchPolicy Equivalent, the default, a webhook
	// that asks for one of them is called for the others as well. Empty for a resource that has one.
	Versions []string
	// Update is set for an update, which leaves the object as it was.
	Update bool
}

// PodUpdate is the update of a pod.
var PodUpdate = Target{Kind: podKind, Resource: podResource, Update: true}

// CallsFor are the webhooks, in call order, and the bound policies that are called, or may be, for a request about
// object in ns.
func (c *Chain) CallsFor(ns *corev1.Namespace, t Target, object *unstructured.Unstructured) (webhooks, policies []Call) {
	ns = withName(ns)
	var asked []*admission.VersionedAttributes
	for _, version := range t.versions() {
		asked = append(asked, t.attributes(ns, version, object))
	}
	for i := range c.webhooks {
		h := &c.webhooks[i]
		for _, attr := range asked {
			if call, maybe := h.called(ns, attr, c.who); call {
				webhooks = append(webhooks, Call{Configuration: h.configuration, Webhook: h.spec.Name, Maybe: maybe})
				break
			}
		}
	}
	for i := range c.policies {
		for _, attr := range asked {
			if acts, maybe := c.policies[i].acts(ns, attr, c.who); acts {
				policies = append(policies, Call{Configuration: c.policies[i].name, Maybe: maybe, Apart: c.policies[i].apartIn(ns, attr)})
				break
			}
		}
	}
	return webhooks, policies
}

func (t Target) versions() []string {
	if len(t.Versions) == 0 {
		return []string{t.Resource.Version}
	}
	return t.Versions
}

// attributes describes the request. As for pods, the user is left out.
func (t Target) attributes(ns *corev1.Namespace, version string, object *unstructured.Unstructured) *admission.VersionedAttributes {
	object = object.DeepCopy()
	object.SetNamespace(ns.Name)
	kind, resource := t.Kind, t.Resource
	kind.Version, resource.Version = version, version
	operation, old := admission.Create, (*unstructured.Unstructured)(nil)
	if t.Update {
		operation, old = admission.Update, object.DeepCopy()
	}
	out := &admission.VersionedAttributes{VersionedKind: kind, VersionedObject: admission.NewLazyObject(object)}
	if old != nil {
		out.VersionedOldObject = admission.NewLazyObject(old)
		out.Attributes = admission.NewAttributesRecord(object, old, kind, ns.Name, object.GetName(), resource, "", operation, nil, true, &user.DefaultInfo{})
		return out
	}
	out.Attributes = admission.NewAttributesRecord(object, nil, kind, ns.Name, object.GetName(), resource, "", operation, nil, true, &user.DefaultInfo{})
	return out
}

// AllFor are all who are called, or may be, for a request about object in ns; the validating ones only of a creation.
func (c *Chain) AllFor(ns *corev1.Namespace, t Target, object *unstructured.Unstructured) Calls {
	webhooks, policies := c.CallsFor(ns, t, object)
	calls := Calls{Webhooks: webhooks, Policies: policies}
	if !t.Update && c.refusing != nil {
		webhooks, policies = c.refusing.CallsFor(ns, t, object)
		calls.Validating = append(policies, webhooks...)
	}
	return calls
}

// ClassesFor sorts namespaces by what would be called for object there, as [Chain.Classes] does for pods. A class in
// which nothing is called is left out.
func (c *Chain) ClassesFor(namespaces []corev1.Namespace, t Target, object *unstructured.Unstructured) []Class {
	if !c.MayMatch(t) && !c.MayRefuse(t) {
		return nil
	}
	asked := c.askedByMutating()
	if !t.Update && c.refusing != nil {
		asked.note(c.refusing)
	}
	all := classesBy(asked, namespaces, func(ns *corev1.Namespace) Calls { return c.AllFor(ns, t, object) })
	return slices.DeleteFunc(all, func(class Class) bool { return class.None() })
}

// MayMatch reports whether the rules of some webhook or policy have the target's resource and operation, whatever
// their selectors and conditions say. It is cheap, and false in most clusters for most targets.
func (c *Chain) MayMatch(t Target) bool {
	return slices.ContainsFunc(c.webhooks, func(h hook) bool { return t.ofHook(&h) }) ||
		slices.ContainsFunc(c.policies, func(p policy) bool { return t.ofPolicy(&p) })
}

func (t Target) ofHook(h *hook) bool { return slices.ContainsFunc(h.spec.Rules, t.matches) }

func (t Target) ofPolicy(p *policy) bool {
	return slices.ContainsFunc(p.criteria.resources.ResourceRules, func(r admissionregistrationv1.NamedRuleWithOperations) bool { return t.matches(r.RuleWithOperations) })
}

func (t Target) matches(r admissionregistrationv1.RuleWithOperations) bool {
	operation := admissionregistrationv1.Create
	if t.Update {
		operation = admissionregistrationv1.Update
	}
	return anyOf(r.Operations, operation) && anyOf(r.APIGroups, t.Resource.Group) && facts.HasResource(r.Resources, t.Resource.Resource) &&
		slices.ContainsFunc(t.versions(), func(v string) bool { return anyOf(r.APIVersions, v) })
}

// anyOf reports whether list has "*" or one of the values.
func anyOf[T ~string](list []T, values ...T) bool {
	return slices.Contains(list, "*") || slices.ContainsFunc(list, func(s T) bool { return slices.Contains(values, s) })
}

// Idle reports whether nobody is called for anything, to change it or to refuse it.
func (c *Chain) Idle() bool { return c.Empty() && (c.refusing == nil || c.refusing.Empty()) }

// Empty reports whether there is no webhook and no policy with a binding.
func (c *Chain) Empty() bool { return len(c.webhooks)+len(c.policies) == 0 }

// SeesOthers reports whether the rules of some webhook or policy, also of those that can only refuse, have resources of
// other groups than these.
func (c *Chain) SeesOthers(groups []string) bool {
	if c.refusing != nil && c.refusing.SeesOthers(groups) {
		return true
	}
	other := func(r admissionregistrationv1.RuleWithOperations) bool {
		return slices.ContainsFunc(r.APIGroups, func(g string) bool { return !slices.Contains(groups, g) })
	}
	for i := range c.webhooks {
		if slices.ContainsFunc(c.webhooks[i].spec.Rules, other) {
			return true
		}
	}
	for i := range c.policies {
		if slices.ContainsFunc(c.policies[i].criteria.resources.ResourceRules, func(r admissionregistrationv1.NamedRuleWithOperations) bool {
			return other(r.RuleWithOperations)
		}) {
			return true
		}
	}
	return false
}
