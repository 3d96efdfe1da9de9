package cluster

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// A Template is what tells whose pods a canary speaks for.
type Template struct {
	// Object is "Deployment shop/web".
	Object, Namespace   string
	Labels, Annotations map[string]string
}

// An Injection is a container that somebody put among the regular containers of a canary.
type Injection struct {
	Container string
	// Webhooks are those that were called for the canary, "configuration/webhook": one of them did it.
	Webhooks []string
	// Namespace is where the canary was sent.
	Namespace string
}

// Injections are the regular containers that pods of a template get besides its own, as the canaries show. exact is set
// where a canary had the labels and annotations of the template; without one the plain canary of its namespace speaks.
func (v View) Injections(of Template) (list []Injection, exact bool) {
	runs, exact := v.speaksFor(of, cameBack)
	return injections(runs...), exact
}

// speaksFor are the canaries of those that can answer which had the labels and annotations of a template, else the plain
// ones of its namespace.
func (v View) speaksFor(of Template, answers func(admissionRun) bool) (runs []admissionRun, exact bool) {
	var plain, alike []admissionRun
	for _, t := range v.s.runs {
		switch {
		case !slices.Contains(t.class.Namespaces, of.Namespace), !answers(t), t.canary == nil || t.canary.Sent == nil:
		case t.class.Shape == nil:
			plain = append(plain, t)
		case slices.Contains(t.class.Shape.Examples, of.Object):
			return []admissionRun{t}, true
		case len(of.Labels)+len(of.Annotations) == 0: // those of such shapes have nothing in common but an account
		case sameKeys(t.class.Shape.Labels, of.Labels) && sameKeys(t.class.Shape.Annotations, of.Annotations):
			alike = append(alike, t)
		}
	}
	if alike = closest(alike, of.Labels); len(alike) > 0 {
		return alike, true
	}
	return plain, false
}

func sameKeys(keys []string, in map[string]string) bool {
	return slices.Equal(slices.Sorted(maps.Keys(in)), slices.Sorted(slices.Values(keys)))
}

// closest are the canaries that have the most labels of a template, with their values.
func closest(runs []admissionRun, labels map[string]string) []admissionRun {
	var out []admissionRun
	most := -1
	for _, t := range runs {
		same := 0
		for key, value := range labels {
			if got, ok := t.canary.Sent.Labels[key]; ok && got == value {
				same++
			}
		}
		switch {
		case same > most:
			most, out = same, []admissionRun{t}
		case same == most:
			out = append(out, t)
		}
	}
	return out
}

func injections(runs ...admissionRun) []Injection {
	var out []Injection
	for _, t := range runs {
		for _, c := range t.canary.Returned.Spec.Containers {
			if hasContainer(t.canary.Sent.Spec, c.Name) || slices.ContainsFunc(out, func(i Injection) bool { return i.Container == c.Name }) {
				continue
			}
			out = append(out, Injection{Container: c.Name, Webhooks: t.class.Webhooks, Namespace: t.canary.Namespace})
		}
	}
	return out
}

func hasContainer(spec corev1.PodSpec, name string) bool {
	return slices.ContainsFunc(slices.Concat(spec.InitContainers, spec.Containers), func(c corev1.Container) bool { return c.Name == name })
}
