package admission

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Unmet are the names of those that have a rule for a target and are called for no object that was tried (met has the names
// of those that were), but may be in one of the namespaces: for an object with other labels, or one that their match
// conditions want.
func (c *Chain) Unmet(namespaces []corev1.Namespace, t Target, object *unstructured.Unstructured, met map[string]bool) []string {
	var out []string
	for _, name := range c.Names() {
		only, wants := c.only(name)
		if met[name] || wants == nil || !only.MayMatch(t) {
			continue
		}
		like := object.DeepCopy()
		labels := like.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		for key, value := range wants.labels() {
			labels[key] = value
		}
		like.SetLabels(labels)
		without := *only
		without.webhooks, without.policies = wants.without()
		if slices.ContainsFunc(namespaces, func(ns corev1.Namespace) bool { return !without.AllFor(&ns, t, like).None() }) {
			out = append(out, name)
		}
	}
	if c.refusing != nil && !t.Update {
		out = append(out, c.refusing.Unmet(namespaces, t, object, met)...)
	}
	return out
}
