package admission

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// A Shape is a set of templates for which one canary speaks: their pods meet the same webhooks and policies, in
// namespaces that nothing tells apart, and are the same but for names. Of service accounts that no template
// uses, and of pods without a template, those are the same that have the same keys, or differ in names and
// numbers only.
type Shape struct {
	// Templates are its members, those of workloads first.
	Templates []Template
	Calls
}

// Shapes sorts the templates into shapes. Templates in namespaces that are not given are left out, as are those
// that nothing tells from a plain canary.
//
// Those that are most unlike each other come first: of all that meet the same webhooks and have the same keys
// one each, the one with most workloads first; then the others.
func (c *Chain) Shapes(templates []Template, namespaces []*corev1.Namespace) []Shape {
	byName := map[string]*corev1.Namespace{}
	for _, ns := range namespaces {
		byName[ns.Name] = ns
	}
	asked := c.asked()
	shapes := map[string]*Shape{}
	for _, t := range templates {
		ns := byName[t.Namespace]
		if ns == nil || t.plain() {
			continue
		}
		key := asked.group(ns) + "\x00" + t.Content()
		if shapes[key] == nil {
			chain, pod := c, t.Canary()
			if t.Creator != "" {
				chain = c.By(t.Creator)
			}
			shapes[key] = &Shape{Calls: chain.CallsOf(ns, pod)}
		}
		shapes[key].Templates = append(shapes[key].Templates, t)
	}
	return ordered(met(shapes))
}

// met joins the shapes that meet the same. Of those that meet nobody, which nothing that is known can change,
// one speaks for all that have the same keys.
func met(shapes map[string]*Shape) map[string]*Shape {
	out := map[string]*Shape{}
	for _, key := range slices.Sorted(maps.Keys(shapes)) {
		s := shapes[key]
		annotations, rest, _ := strings.Cut(key, groupEnd)
		_, content, _ := strings.Cut(rest, "\x00")
		key = s.loose() + "\x00" + annotations + "\x00" + content
		if s.None() {
			key = s.loose()
		}
		if out[key] == nil {
			out[key] = s
			continue
		}
		out[key].Templates = append(out[key].Templates, s.Templates...)
	}
	return out
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
	seen := map[string]int{}
	rank := make(map[string]int, len(out)) // how many like it come before
	for _, s := range out {
		loose := s.loose()
		rank[s.Templates[0].Object] = seen[loose]
		seen[loose]++
	}
	slices.SortStableFunc(out, func(a, b Shape) int {
		return cmp.Compare(min(rank[a.Templates[0].Object], 1), min(rank[b.Templates[0].Object], 1))
	})
	return out
}

// loose is equal for shapes that meet the same, and whose templates have the same keys and creator.
func (s Shape) loose() string {
	t := s.Templates[0]
	return strings.Join([]string{
		s.key(), t.Creator, keys(withoutControllers(t.Labels)), keys(telling(t.Annotations)), keys(t.AccountLabels), keys(telling(t.AccountAnnotations)),
	}, "\x00")
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
	return t.Spec == nil && len(t.Labels) == 0 && len(t.Annotations) == 0 && len(t.AccountLabels) == 0 && len(t.AccountAnnotations) == 0
}

// Content is equal for templates whose pods are the same but for names.
func (t Template) Content() string {
	if t.Bare {
		return strings.Join([]string{"account", keys(t.AccountLabels), keys(telling(t.AccountAnnotations))}, "\x00")
	}
	labels, annotations := withoutControllers(t.Labels), telling(t.Annotations)
	about := []string{t.Creator, t.Account, pairs(labels), pairs(annotations), pairs(t.AccountLabels), pairs(telling(t.AccountAnnotations))}
	for _, o := range t.Owners {
		about = append(about, o.APIVersion+" "+o.Kind)
	}
	if t.Spec != nil {
		spec, err := t.Spec.Marshal()
		if err != nil {
			spec = []byte(t.Object) // like nothing else
		}
		about = append(about, string(spec))
	}
	text := strings.Join(about, "\x00")
	if t.Running {
		text = t.anonymous(text)
	}
	sum := sha256.Sum256([]byte(text))
	return string(sum[:])
}

// numbers are what tells apart the pods of one maker: counters, times, hashes, random ends of names.
var numbers = pattern.New(`[0-9a-f]{8,}|[0-9]+`)

// anonymous is text without what is this pod's own.
func (t Template) anonymous(text string) string {
	name := strings.TrimPrefix(t.Object, "Pod "+t.Namespace+"/")
	replace := []string{name, "(name)", strings.TrimSuffix(t.GenerateName, "-"), "(name)"}
	for _, o := range t.Owners {
		replace = append(replace, o.Name, "(owner)", string(o.UID), "(uid)")
	}
	return numbers.ReplaceAllString(strings.NewReplacer(replace...).Replace(text), "#")
}
