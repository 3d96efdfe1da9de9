package collect

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	podtemplate "github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// Workloads that the caller gave are tried as those of the cluster are, and nothing else is.

func (o *Options) hasWorkloadIn(namespace string) bool {
	return slices.ContainsFunc(o.Workloads, func(w *podtemplate.Workload) bool { return w.Namespace == namespace })
}

func (o *Options) hasKind(k facts.TemplateKind) bool {
	return slices.ContainsFunc(o.Workloads, func(w *podtemplate.Workload) bool { return w.Group() == k.Group && w.Kind == k.Kind })
}

// givenTemplates are their pods. Whoever makes the pods of custom resources is not known.
func (c *collector) givenTemplates() []admission.Template {
	var out []admission.Template
	for _, w := range c.opts.Workloads {
		kind := ""
		if w.Is(w.Kind) {
			kind = w.Kind
		}
		t := admission.OfWorkload(kind, &metav1.ObjectMeta{Namespace: w.Namespace, Name: w.Name}, w.Template)
		t.Object = w.String()
		if w.Is("Pod") {
			t.Labels, t.Annotations = w.Labels, maps.Clone(w.Annotations)
			delete(t.Annotations, facts.LastAppliedAnnotation)
		}
		out = append(out, t)
	}
	return out
}

// withoutBare leaves out the service accounts that no template uses.
func withoutBare(templates []admission.Template) []admission.Template {
	return slices.DeleteFunc(templates, func(t admission.Template) bool { return t.Bare })
}

// objectsOf are the names of all templates of a shape.
func objectsOf(s admission.Shape) []string {
	var out []string
	for _, t := range s.Templates {
		out = append(out, t.Object)
	}
	return out
}

// addGiven adds those of a kind.
func (c *collector) addGiven(own *ownTemplates, k facts.TemplateKind, places []place) {
	for _, w := range c.opts.Workloads {
		if w.Group() == k.Group && w.Kind == k.Kind {
			own.add(w.String(), w.Namespace, copyWorkload(givenObject(w, k)), places)
		}
	}
}

// givenObject is the object of a workload, as JSON. Where only its template is known, the rest is what it takes to create
// one.
func givenObject(w *podtemplate.Workload, k facts.TemplateKind) map[string]any {
	if w.Object["kind"] != nil {
		out := asJSON(w.Object)
		meta, _ := out["metadata"].(map[string]any)
		if meta == nil {
			meta = map[string]any{}
			out["metadata"] = meta
		}
		meta["namespace"] = w.Namespace
		return out
	}
	out := plainWorkload(k)
	out["metadata"] = asJSON(metav1.ObjectMeta{Name: w.Name, Namespace: w.Namespace, Labels: w.Labels, Annotations: w.Annotations})
	in := out
	for _, key := range k.Path[:len(k.Path)-1] {
		in, _ = in[key].(map[string]any)
	}
	in["template"] = asJSON(w.Template)
	switch labels := fromStrings(w.Template.Labels); {
	case k.Kind == "ReplicationController":
		in["selector"] = labels
	case in["selector"] != nil:
		in["selector"] = map[string]any{"matchLabels": labels}
	}
	return out
}
