package admission

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// A Class is a set of namespaces in which the same pod meets the same webhooks and policies, if any, and that
// have the same annotations, by which webhooks decide as well.
type Class struct {
	// Namespaces are its members, sorted by name.
	Namespaces []*corev1.Namespace
	Calls
}

// Calls are who is called for a pod.
type Calls struct {
	Webhooks []Call
	Policies []Call
	// Validating are the validating policies and webhooks.
	Validating []Call
}

// CallsOf are all who are called, or may be, for the creation of pod in ns.
func (c *Chain) CallsOf(ns *corev1.Namespace, pod *corev1.Pod) Calls {
	return Calls{c.Webhooks(ns, pod), c.Policies(ns, pod), c.Validating(ns, pod)}
}

// None reports whether nobody is called.
func (c Calls) None() bool { return len(c.Webhooks)+len(c.Policies)+len(c.Validating) == 0 }

// Mutating reports whether somebody is called who may change the pod.
func (c Calls) Mutating() bool { return len(c.Webhooks)+len(c.Policies) > 0 }

// key is equal where the same are called.
func (c Calls) key() string {
	return callsKey(c.Webhooks) + "\x00" + callsKey(c.Policies) + "\x00" + callsKey(c.Validating)
}

// Classes sorts namespaces by what would be called for pod there; the largest class comes first.
//
// Matching is done once per group of namespaces that no selector of the chain can tell apart, so
// that ten thousand namespaces cost hardly more than the few kinds of namespaces there are.
func (c *Chain) Classes(namespaces []corev1.Namespace, pod *corev1.Pod) []Class {
	return classesBy(c.asked(), namespaces, func(ns *corev1.Namespace) Calls { return c.CallsOf(ns, pod) })
}

// classesBy sorts namespaces by what calls says of them.
func classesBy(asked asked, namespaces []corev1.Namespace, calls func(*corev1.Namespace) Calls) []Class {
	var (
		byGroup = map[string]*Class{}
		byCalls = map[string]*Class{}
		classes []*Class
	)
	for i := range namespaces {
		ns := withName(&namespaces[i])
		group := asked.group(ns)
		class := byGroup[group]
		if class == nil {
			called := calls(ns)
			key := called.key()
			if !called.None() {
				key += "\x00" + pairs(ns.Annotations)
			}
			if class = byCalls[key]; class == nil {
				class = &Class{Calls: called}
				byCalls[key] = class
				classes = append(classes, class)
			}
			byGroup[group] = class
		}
		class.Namespaces = append(class.Namespaces, ns)
	}
	return sorted(classes)
}

// Kinds are namespaces of all kinds that the chain can tell apart: the first of each.
func (c *Chain) Kinds(namespaces []corev1.Namespace) []*corev1.Namespace {
	asked, seen := c.asked(), map[string]bool{}
	var out []*corev1.Namespace
	for i := range namespaces {
		ns := withName(&namespaces[i])
		if group := asked.group(ns); !seen[group] {
			seen[group] = true
			out = append(out, ns)
		}
	}
	return out
}

func sorted(classes []*Class) []Class {
	out := make([]Class, 0, len(classes))
	for _, class := range classes {
		slices.SortFunc(class.Namespaces, func(a, b *corev1.Namespace) int { return cmp.Compare(a.Name, b.Name) })
		out = append(out, *class)
	}
	slices.SortFunc(out, func(a, b Class) int {
		return cmp.Or(cmp.Compare(len(b.Namespaces), len(a.Namespaces)),
			cmp.Compare(a.Namespaces[0].Name, b.Namespaces[0].Name))
	})
	return out
}

func callsKey(calls []Call) string {
	var b strings.Builder
	for _, call := range calls {
		b.WriteString(call.Name())
		if call.Maybe != "" {
			b.WriteByte('?')
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// withName adds the label that the API server keeps on every namespace, where a file lacks it.
func withName(ns *corev1.Namespace) *corev1.Namespace {
	if ns.Labels[corev1.LabelMetadataName] != "" {
		return ns
	}
	ns = ns.DeepCopy()
	if ns.Labels == nil {
		ns.Labels = map[string]string{}
	}
	ns.Labels[corev1.LabelMetadataName] = ns.Name
	return ns
}

// asked is what the whole chain asks of a namespace.
type asked struct {
	keys []string
	// values are those that some selector compares the key's value with; all others are alike.
	values map[string]map[string]bool
	// name is whether a CEL expression may ask for the namespace itself.
	name bool
}

// asked is of all who are called for pods.
func (c *Chain) asked() asked {
	a := c.askedByMutating()
	if c.validating != nil {
		a.note(c.validating)
	}
	return a
}

// askedByMutating is of those who may change something.
func (c *Chain) askedByMutating() asked {
	a := asked{values: map[string]map[string]bool{}}
	a.note(c)
	return a
}

func (a *asked) note(c *Chain) {
	for i := range c.webhooks {
		a.add(c.webhooks[i].selectors)
		a.name = a.name || c.webhooks[i].conditions.byNamespace
	}
	for i := range c.policies {
		a.add(c.policies[i].criteria.selectors)
		a.name = a.name || c.policies[i].conditions.byNamespace
		for _, b := range c.policies[i].bindings {
			a.add(b.criteria.selectors)
		}
	}
	a.keys = slices.Sorted(maps.Keys(a.values))
}

func (a *asked) add(s selectors) {
	for _, r := range s.asks {
		if a.values[r.Key] == nil {
			a.values[r.Key] = map[string]bool{}
		}
		for _, v := range r.Values {
			a.values[r.Key][v] = true
		}
	}
}

// groupEnd ends the annotations in a group.
const groupEnd = "\x01"

// group is equal for namespaces that neither a selector can tell apart nor a webhook by annotations, which come
// first.
func (a asked) group(ns *corev1.Namespace) string {
	var b strings.Builder
	b.WriteString(pairs(ns.Annotations) + groupEnd)
	if a.name {
		b.WriteString(ns.Name)
		return b.String()
	}
	for _, k := range a.keys {
		switch v, ok := ns.Labels[k]; {
		case !ok:
			b.WriteByte('-')
		case a.values[k][v]:
			b.WriteString("=" + v)
		default:
			b.WriteByte('*')
		}
		b.WriteByte('\n')
	}
	return b.String()
}
