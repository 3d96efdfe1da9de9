package pods

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
)

// TestUnseenTemplate: of an owner whose template was not seen, the steps show the edit itself, in the list
// of containers that it belongs to.
func TestUnseenTemplate(t *testing.T) {
	const where = "In the template of rollout n/gone, which was not seen:"
	p := sceneOf(underOwners()).subjects()
	rollout := p[len(p)-1]
	if rollout.Name != "rollout-x" {
		t.Fatalf("the last pod is %s", rollout.Name)
	}
	memory := map[string]any{"resources": map[string]any{"limits": map[string]string{"memory": "512Mi"}}}
	for _, test := range []struct {
		got     []checks.Step
		text    string
		command string
	}{
		{
			rollout.editSteps("Raise it", rollout.inits[1], edit{"proxy", memory}), "Raise it.",
			"initContainers:\n- name: proxy\n  resources:\n    limits:\n      memory: 512Mi",
		},
		{
			rollout.editSteps("Remove it", rollout.mains[0], edit{"main", map[string]any{"readinessProbe": nil}}), "Remove it.",
			"containers:\n- name: main\n  readinessProbe: null",
		},
		{
			rollout.moveSteps("Move it", rollout.mains[1], 0, map[string]any{"periodSeconds": 1}),
			"Move it. This needs Kubernetes 1.29 or later in API servers and nodes (the version of this cluster was not seen).",
			"initContainers:\n- name: logger\n  restartPolicy: Always\n  startupProbe:\n    periodSeconds: 1",
		},
	} {
		want := []checks.Step{{Text: test.text}, {Text: where, Command: test.command}}
		if diff := cmp.Diff(want, test.got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}
