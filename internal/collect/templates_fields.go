package collect

import (
	"context"
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func isTemplateKind(apiVersion, kind string) bool {
	return slices.ContainsFunc(facts.TemplateKinds, func(k facts.TemplateKind) bool { return k.APIVersion() == apiVersion && k.Kind == kind })
}

// createWithFields creates the object of a try with a native sidecar and the newer fields that the API server
// keeps, and without these when it is refused with them. It returns the object that counts.
func (c *collector) createWithFields(ctx context.Context, w *workload, t workloadTry) (map[string]any, *facts.Canary, error) {
	object := withSidecar(t.object, t.places)
	rich := c.withFields(w, t, object)
	if rich == nil {
		canary, err := c.createWorkload(ctx, w, t, object)
		canary.Fields = nil
		return object, canary, err
	}
	canary, err := c.createWorkload(ctx, w, t, rich)
	if err == nil {
		return rich, canary, nil
	}
	if cause, _ := canary.Refusal.Cause(); slices.Contains(whateverThePod, cause) {
		return rich, canary, err
	}
	canary, err = c.createWorkload(ctx, w, t, object)
	canary.Fields = nil
	return object, canary, err
}

// withFields is the object with newer fields in its pod template, nil where they are not tried.
func (c *collector) withFields(w *workload, t workloadTry, object map[string]any) map[string]any {
	minor := c.serverMinor()
	if !t.fields || minor == 0 {
		return nil
	}
	pod := t.podOf(object)
	if w.fact.Templates > 0 {
		facts.AddNewerFields(pod, minor)
	} else {
		facts.SetNewerFields(pod, minor)
	}
	out := runtime.DeepCopyJSON(object)
	addMissing(t.places[0].holder(out), asJSON(&pod.Spec))
	return out
}

// podOf is a pod as the template of a built-in kind describes it.
func (t workloadTry) podOf(object map[string]any) *corev1.Pod {
	pod := &corev1.Pod{}
	raw, err := json.Marshal(t.places[0].holder(object))
	if err == nil {
		_ = json.Unmarshal(raw, &pod.Spec)
	}
	return pod
}

// lostFields are the newer fields of the template that are not in what became of it.
func (t workloadTry) lostFields(before, after map[string]any) []string {
	if !t.fields {
		return nil
	}
	return facts.LostFields(t.podOf(before), t.podOf(after))
}

// addMissing puts into an object what only the other one has, and changes nothing else of it.
func addMissing(object, from map[string]any) {
	for key, value := range from {
		own, has := object[key]
		if !has {
			object[key] = value
			continue
		}
		addMissingTo(own, value)
	}
}

func addMissingTo(own, from any) {
	switch own := own.(type) {
	case map[string]any:
		if from, ok := from.(map[string]any); ok {
			addMissing(own, from)
		}
	case []any:
		from, _ := from.([]any)
		for i := range min(len(own), len(from)) {
			addMissingTo(own[i], from[i])
		}
	}
}
