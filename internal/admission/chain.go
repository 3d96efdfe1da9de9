// Package admission computes, without a cluster, which mutating webhooks and which
// MutatingAdmissionPolicies an API server would call for the creation of a pod, and in which
// order, and which validating webhooks and policies after them. It matches with the API server's
// own packages (k8s.io/apiserver), so selectors, rules and CEL expressions mean here what they
// mean there.
//
// What cannot be decided from the objects alone (an expression that asks for the user, for
// parameters, or that fails) is a call that may happen; it is never dropped.
package admission

import (
	"cmp"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/namespace"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/object"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"
	"k8s.io/apiserver/pkg/authentication/user"
)

var (
	podKind     = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	podResource = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
)

// A Call is one webhook or policy that is called, or may be, when a pod is created.
type Call struct {
	// Configuration is the name of the configuration of webhooks, or of the policy.
	Configuration string
	// Webhook is the name of the webhook in its configuration; empty for a policy.
	Webhook string
	// Maybe says why it is not certain that the call happens; empty when it is.
	Maybe string
	// Apart says why one namespace does not speak for another where the same is called; empty when it does. Only of
	// validating policies.
	Apart string
}

// Name is "configuration/webhook", or the policy's name.
func (c Call) Name() string {
	if c.Webhook == "" {
		return c.Configuration
	}
	return c.Configuration + "/" + c.Webhook
}

// A Chain is the admission of one cluster, compiled once and asked often. What it says of webhooks and policies is about
// the mutating ones; the validating ones are a chain of their own.
type Chain struct {
	webhooks []hook
	policies []policy
	// validating are those who are asked about pods last and can only refuse them; refusing are all such, whatever they
	// are asked about. Both are nil in these chains themselves.
	validating, refusing *Chain
	who
}

// Config is what the cluster says about admission.
type Config struct {
	Webhooks []admissionregistrationv1.MutatingWebhookConfiguration
	Policies []admissionregistrationv1.MutatingAdmissionPolicy
	Bindings []admissionregistrationv1.MutatingAdmissionPolicyBinding

	ValidatingWebhooks []admissionregistrationv1.ValidatingWebhookConfiguration
	ValidatingPolicies []admissionregistrationv1.ValidatingAdmissionPolicy
	ValidatingBindings []admissionregistrationv1.ValidatingAdmissionPolicyBinding
}

// NewChain compiles the configuration. Its webhooks are called by configuration name, then in list
// order, as k8s.io/apiserver sorts them (configuration/mutating_webhook_manager.go).
func NewChain(c Config) *Chain {
	configs := slices.Clone(c.Webhooks)
	slices.SortStableFunc(configs, func(a, b admissionregistrationv1.MutatingWebhookConfiguration) int {
		return cmp.Compare(a.Name, b.Name)
	})
	refusing := newRefusing(c)
	chain := &Chain{
		policies:   newPolicies(mutatingSources(c.Policies, c.Bindings)),
		validating: refusing.about(podCreation), refusing: refusing, who: who{users: creators},
	}
	for i := range configs {
		for j := range configs[i].Webhooks {
			chain.webhooks = append(chain.webhooks, newHook(configs[i].Name, &configs[i].Webhooks[j]))
		}
	}
	return chain
}

// hook is a webhook with everything compiled that does not depend on the request.
type hook struct {
	configuration string
	spec          *admissionregistrationv1.MutatingWebhook
	selectors     selectors
	conditions    conditions
}

func newHook(configuration string, w *admissionregistrationv1.MutatingWebhook) hook {
	return hook{
		configuration: configuration,
		spec:          w,
		selectors:     newSelectors(w.NamespaceSelector, w.ObjectSelector),
		conditions:    compileConditions(w.MatchConditions, false),
	}
}

// Webhooks are the webhooks called for the creation of pod in ns, in call order.
func (c *Chain) Webhooks(ns *corev1.Namespace, pod *corev1.Pod) []Call {
	attr := attributes(ns, pod)
	var out []Call
	for i := range c.webhooks {
		h := &c.webhooks[i]
		if call, maybe := h.called(ns, attr, c.who); call {
			out = append(out, Call{Configuration: h.configuration, Webhook: h.spec.Name, Maybe: maybe})
		}
	}
	return out
}

// called follows generic.Webhook.ShouldCallHook. matchPolicy Equivalent needs no thought here: pods
// exist in one group and version only.
func (h *hook) called(ns *corev1.Namespace, attr *admission.VersionedAttributes, w who) (call bool, maybe string) {
	nsMatcher := namespace.Matcher{NamespaceLister: oneNamespace{ns}}
	inNamespace, nsErr := nsMatcher.MatchNamespaceSelector(h.selectors, attr)
	if !inNamespace && nsErr == nil {
		return false, ""
	}
	selected, objErr := (&object.Matcher{}).MatchObjectSelector(h.selectors, attr)
	if !selected && objErr == nil {
		return false, ""
	}
	if !slices.ContainsFunc(h.spec.Rules, func(r admissionregistrationv1.RuleWithOperations) bool {
		m := rules.Matcher{Rule: r, Attr: attr}
		return m.Matches()
	}) {
		return false, ""
	}
	if nsErr != nil {
		return true, "namespaceSelector: " + nsErr.Error()
	}
	if objErr != nil {
		return true, "objectSelector: " + objErr.Error()
	}
	return h.conditions.match(attr, nil, w)
}

// DryRunnable reports whether the API server calls the webhook in a dry run at all: only when it declares
// that it has no side effects then (mutating/dispatcher.go).
func DryRunnable(w *admissionregistrationv1.MutatingWebhook) bool {
	return w.SideEffects != nil && (*w.SideEffects == admissionregistrationv1.SideEffectClassNone ||
		*w.SideEffects == admissionregistrationv1.SideEffectClassNoneOnDryRun)
}

// attributes describes the request that creates pod in ns, as the API server sees it after its own
// defaults. The user is left out: a pod is usually created by a controller, not by the caller.
func attributes(ns *corev1.Namespace, pod *corev1.Pod) *admission.VersionedAttributes {
	p := pod.DeepCopy()
	p.APIVersion, p.Kind = "v1", "Pod"
	p.Namespace = ns.Name
	setDefaults(&p.Spec)
	return creation(p)
}

// withPlugins is the same request after plug-ins that most API servers have.
func withPlugins(attr *admission.VersionedAttributes) *admission.VersionedAttributes {
	pod, ok := attr.GetObject().(*corev1.Pod)
	if !ok {
		return nil
	}
	return creation(addedByPlugins(pod))
}

func creation(p *corev1.Pod) *admission.VersionedAttributes {
	record := admission.NewAttributesRecord(p, nil, podKind, p.Namespace, p.Name, podResource, "",
		admission.Create, nil, true, &user.DefaultInfo{})
	return &admission.VersionedAttributes{Attributes: record, VersionedKind: podKind, VersionedObject: admission.NewLazyObject(p)}
}
