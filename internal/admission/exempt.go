package admission

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Exempt returns a copy of pod whose labels differ so that exactly the webhook or policy called name
// is no longer called for it in ns, and all others are as before. Two canaries that differ in one
// call tell whether that call is to blame. It is false where that one is not called at all, and where
// no such labels are found: the selector does not ask for labels, or others ask for the same ones.
func (c *Chain) Exempt(name string, ns *corev1.Namespace, pod *corev1.Pod) (*corev1.Pod, bool) {
	var selector *metav1.LabelSelector
	for i := range c.webhooks {
		if (Call{Configuration: c.webhooks[i].configuration, Webhook: c.webhooks[i].spec.Name}).Name() == name {
			selector = c.webhooks[i].spec.ObjectSelector
		}
	}
	if selector == nil {
		return nil, false
	}
	before := names(append(c.Policies(ns, pod), c.Webhooks(ns, pod)...))
	if !slices.Contains(before, name) {
		return nil, false
	}
	want := slices.DeleteFunc(slices.Clone(before), func(n string) bool { return n == name })
	for _, change := range changesAgainst(selector) {
		other := pod.DeepCopy()
		other.Labels = maps.Clone(pod.Labels)
		if other.Labels == nil {
			other.Labels = map[string]string{}
		}
		change(other.Labels)
		if slices.Equal(want, names(append(c.Policies(ns, other), c.Webhooks(ns, other)...))) {
			return other, true
		}
	}
	return nil, false
}

func names(calls []Call) []string {
	out := make([]string, 0, len(calls))
	for _, call := range calls {
		out = append(out, call.Name())
	}
	return out
}

// changesAgainst are changes of labels each of which makes the selector not match.
func changesAgainst(s *metav1.LabelSelector) []func(map[string]string) {
	var out []func(map[string]string)
	remove := func(key string) { out = append(out, func(l map[string]string) { delete(l, key) }) }
	set := func(key, value string) { out = append(out, func(l map[string]string) { l[key] = value }) }
	for _, key := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		remove(key)
	}
	for _, r := range s.MatchExpressions {
		switch r.Operator {
		case metav1.LabelSelectorOpIn, metav1.LabelSelectorOpExists:
			remove(r.Key)
		case metav1.LabelSelectorOpNotIn:
			for _, v := range r.Values {
				set(r.Key, v)
			}
		case metav1.LabelSelectorOpDoesNotExist:
			set(r.Key, "kubectl-sidecar-canary")
		}
	}
	return out
}
