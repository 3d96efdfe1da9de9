package admission

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// A Template is what a webhook may look at in a pod template of the cluster, and in its service
// account; or in a service account alone.
type Template struct {
	// Object says whose template it is: "Deployment shop/web".
	Object    string
	Namespace string
	Labels    map[string]string
	// Annotations are the pod's.
	Annotations map[string]string
	// Account is the name of the service account; empty means default.
	Account                           string
	AccountLabels, AccountAnnotations map[string]string
	// Bare is a service account that no pod template uses.
	Bare bool
}

// A Shape is a set of templates for which one canary speaks: their pods meet the same webhooks and
// policies, and have the same keys of labels and annotations, as have their service accounts.
type Shape struct {
	// Templates are its members, those of workloads first.
	Templates []Template
	Webhooks  []Call
	Policies  []Call
}

// Shapes sorts the templates into shapes, the one with most workloads first. Templates in namespaces
// that are not given are left out, as are those that nothing tells from a plain canary.
func (c *Chain) Shapes(templates []Template, namespaces []*corev1.Namespace) []Shape {
	byName := map[string]*corev1.Namespace{}
	for _, ns := range namespaces {
		byName[ns.Name] = ns
	}
	shapes := map[string]*Shape{}
	for _, t := range templates {
		ns := byName[t.Namespace]
		if ns == nil || t.plain() {
			continue
		}
		pod := t.Canary()
		webhooks, policies := c.Webhooks(ns, pod), c.Policies(ns, pod)
		key := strings.Join([]string{
			callsKey(webhooks), callsKey(policies),
			keys(t.Labels), keys(t.Annotations), keys(t.AccountLabels), keys(t.AccountAnnotations),
		}, "\x00")
		if shapes[key] == nil {
			shapes[key] = &Shape{Webhooks: webhooks, Policies: policies}
		}
		shapes[key].Templates = append(shapes[key].Templates, t)
	}
	return ordered(shapes)
}

func ordered(shapes map[string]*Shape) []Shape {
	out := make([]Shape, 0, len(shapes))
	for _, s := range shapes {
		slices.SortFunc(s.Templates, func(a, b Template) int {
			return cmp.Or(boolCompare(a.Bare, b.Bare), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Object, b.Object))
		})
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Shape) int {
		return cmp.Or(cmp.Compare(b.Workloads(), a.Workloads()), cmp.Compare(a.Templates[0].Namespace, b.Templates[0].Namespace),
			cmp.Compare(a.Templates[0].Object, b.Templates[0].Object))
	})
	return out
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Workloads is how many of its templates belong to workloads.
func (s Shape) Workloads() int {
	n := 0
	for _, t := range s.Templates {
		if !t.Bare {
			n++
		}
	}
	return n
}

// plain reports whether the plain canary of the namespace speaks for the template as well.
func (t Template) plain() bool {
	return len(t.Labels) == 0 && len(t.Annotations) == 0 && len(t.AccountLabels) == 0 && len(t.AccountAnnotations) == 0
}

// Canary is the canary with the template's labels, annotations and service account. Those of a service
// account alone have the plain canary's label.
func (t Template) Canary() *corev1.Pod {
	pod := Canary(t.Namespace)
	if !t.Bare {
		pod.Labels = maps.Clone(t.Labels)
	}
	pod.Annotations = maps.Clone(t.Annotations)
	pod.Spec.ServiceAccountName = t.Account
	return pod
}

func keys(m map[string]string) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), "\n")
}
