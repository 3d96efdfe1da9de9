package admission

import (
	"maps"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// OwnedCanary is the plain canary as a pod that a ReplicaSet owns; or that something owns which is not its
// controller.
func OwnedCanary(namespace string, controller bool) *corev1.Pod {
	pod := Canary(namespace)
	owner := ControllerRef("apps/v1", "ReplicaSet", CanaryPrefix+madeUpHash, madeUpUID)
	if !controller {
		owner.Controller, owner.BlockOwnerDeletion = nil, nil
	}
	pod.OwnerReferences = []metav1.OwnerReference{owner}
	pod.GenerateName = owner.Name + "-"
	return pod
}

// Met are the names of all webhooks and policies that are called, or may be, for a pod in a namespace.
func (c *Chain) Met(ns *corev1.Namespace, pod *corev1.Pod) []string {
	return names(append(c.Policies(ns, pod), c.Webhooks(ns, pod)...))
}

// Names are those of all webhooks and policies.
func (c *Chain) Names() []string {
	var out []string
	for i := range c.policies {
		out = append(out, c.policies[i].name)
	}
	for i := range c.webhooks {
		out = append(out, Call{Configuration: c.webhooks[i].configuration, Webhook: c.webhooks[i].spec.Name}.Name())
	}
	return out
}

// Attract returns the plain canary of a namespace, with labels or annotations for which the webhook or policy
// called name is called there. selectable is false where that is not called for any pod of the namespace; ok
// is false where it may be, but for what pods was not found out.
func (c *Chain) Attract(name string, ns *corev1.Namespace) (pod *corev1.Pod, selectable, ok bool) {
	only, target := c.only(name)
	if target == nil {
		return nil, false, false
	}
	plain := Canary(ns.Name)
	maps.Copy(plain.Labels, target.labels())
	without := *only
	without.webhooks, without.policies = target.without()
	if len(without.Met(ns, plain)) == 0 {
		return nil, false, false
	}
	for _, try := range target.tries(plain) {
		calls := append(only.Policies(ns, try), only.Webhooks(ns, try)...)
		if len(calls) == 1 && calls[0].Maybe == "" {
			return try, true, true
		}
	}
	return nil, true, false
}

// only is a chain of nothing but the webhook or policy called name.
func (c *Chain) only(name string) (*Chain, *target) {
	for i := range c.policies {
		if c.policies[i].name == name {
			out := &Chain{who: c.who, policies: c.policies[i : i+1]}
			return out, &target{
				policies: out.policies, selector: c.policies[i].criteria.resources.ObjectSelector, conditions: c.policies[i].conditions.list,
			}
		}
	}
	for i := range c.webhooks {
		if (Call{Configuration: c.webhooks[i].configuration, Webhook: c.webhooks[i].spec.Name}).Name() == name {
			out := &Chain{who: c.who, webhooks: c.webhooks[i : i+1]}
			return out, &target{webhooks: out.webhooks, selector: c.webhooks[i].spec.ObjectSelector, conditions: c.webhooks[i].conditions.list}
		}
	}
	return nil, nil
}

// A target is a webhook or policy for which a pod is looked for.
type target struct {
	webhooks   []hook
	policies   []policy
	selector   *metav1.LabelSelector
	conditions []admissionregistrationv1.MatchCondition
}

// without is the target without its conditions.
func (t *target) without() ([]hook, []policy) {
	webhooks, policies := slices.Clone(t.webhooks), slices.Clone(t.policies)
	for i := range webhooks {
		webhooks[i].conditions = conditions{}
	}
	for i := range policies {
		policies[i].conditions = conditions{}
	}
	return webhooks, policies
}

// labels are such as the selector matches, if it can be matched at all.
func (t *target) labels() map[string]string {
	out := map[string]string{}
	if t.selector == nil {
		return out
	}
	maps.Copy(out, t.selector.MatchLabels)
	for _, r := range t.selector.MatchExpressions {
		switch r.Operator {
		case metav1.LabelSelectorOpIn:
			out[r.Key] = r.Values[0]
		case metav1.LabelSelectorOpExists:
			if _, has := out[r.Key]; !has {
				out[r.Key] = "kubectl-sidecar-canary"
			}
		}
	}
	return out
}

var quoted = pattern.New(`'([^']*)'|"([^"]*)"`)

// maxLiterals bounds the search: it tries each pair.
const maxLiterals = 12

// tries are pods that the conditions may be true for: those of which each string in an expression is the key of
// a label or of an annotation, and each other string its value.
func (t *target) tries(plain *corev1.Pod) []*corev1.Pod {
	out := []*corev1.Pod{plain}
	var literals []string
	for _, m := range t.conditions {
		for _, q := range quoted.FindAllStringSubmatch(m.Expression, -1) {
			if text := q[1] + q[2]; text != "" && !slices.Contains(literals, text) {
				literals = append(literals, text)
			}
		}
	}
	literals = literals[:min(len(literals), maxLiterals)]
	for _, key := range literals {
		for _, value := range append(literals, "true") {
			if value == key {
				continue
			}
			label, annotation := plain.DeepCopy(), plain.DeepCopy()
			metav1.SetMetaDataLabel(&label.ObjectMeta, key, value)
			metav1.SetMetaDataAnnotation(&annotation.ObjectMeta, key, value)
			out = append(out, label, annotation)
		}
	}
	return out
}
