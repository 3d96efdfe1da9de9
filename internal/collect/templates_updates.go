package collect

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Workloads are created here, not updated. Who sees only their updates, of all of them or of some, is therefore named as
// not tried.

func updateOf(target admission.Target) admission.Target {
	target.Update = true
	return target
}

// onlyUpdates records who sees updates of a kind of object, and not their creation.
func (c *collector) onlyUpdates(chain *admission.Chain, target admission.Target, namespaces []corev1.Namespace, object map[string]any) {
	var created, updated []string
	for _, class := range chain.ClassesFor(namespaces, target, &unstructured.Unstructured{Object: object}) {
		created = append(created, callNames(class)...)
	}
	for _, class := range chain.ClassesFor(namespaces, updateOf(target), &unstructured.Unstructured{Object: object}) {
		updated = append(updated, callNames(class)...)
	}
	slices.Sort(updated)
	for _, name := range slices.Compact(updated) {
		if !slices.Contains(created, name) {
			c.notUpdated(target, name, "which are not tried")
		}
	}
}

// onlyUpdatesOf records the same of an object that there is: selectors and conditions may be for it alone.
func (o *ownTemplates) onlyUpdatesOf(c *collector, object map[string]any) {
	u := &unstructured.Unstructured{Object: object}
	ns := o.namespaces[u.GetNamespace()]
	if ns == nil || !o.chain.MayMatch(updateOf(o.target)) {
		return
	}
	names := func(target admission.Target) []string {
		webhooks, policies := o.chain.CallsFor(ns, target, u)
		return callNames(admission.Class{Webhooks: webhooks, Policies: policies})
	}
	updated := names(updateOf(o.target))
	if len(updated) == 0 {
		return
	}
	for _, name := range except(updated, names(o.target)) {
		c.notUpdated(o.target, name, fmt.Sprintf("such as %s %s/%s, which are not tried", o.kind, u.GetNamespace(), u.GetName()))
	}
}

func except(list, gone []string) []string {
	return slices.DeleteFunc(list, func(name string) bool { return slices.Contains(gone, name) })
}

// notUpdated is the gap of one of those who see only updates of a kind, once.
func (c *collector) notUpdated(target admission.Target, name, which string) {
	key := target.Resource.String() + " " + name
	c.mu.Lock()
	noted := slices.Contains(c.updatesNoted, key)
	if !noted {
		c.updatesNoted = append(c.updatesNoted, key)
	}
	c.mu.Unlock()
	if noted {
		return
	}
	c.gap(facts.Canaries, facts.Instance{Kind: target.Kind.Kind, Name: name, Part: facts.PartWorkload},
		fmt.Sprintf("%s sees only updates of %s, %s", name, target.Resource.Resource, which),
		facts.Do(fmt.Sprintf("look for restartPolicy in the template of one that has a native sidecar: kubectl label --dry-run=server -o yaml %s NAME canary=update", target.Resource.Resource)))
}
