package admission

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Restore undoes in pod what happened to the init containers of sent: it puts lost ones back and
// restartPolicy and newer fields where they were. The next webhook in the chain is then asked about a pod that still has
// something to lose, so a second culprit shows, too.
func Restore(sent *corev1.Pod, pod json.RawMessage) (json.RawMessage, error) {
	var p corev1.Pod
	if err := json.Unmarshal(pod, &p); err != nil {
		return nil, fmt.Errorf("read the patched pod: %w", err)
	}
	var injected, own []corev1.Container
	for _, c := range p.Spec.InitContainers {
		if named(sent.Spec.InitContainers, c.Name) < 0 {
			injected = append(injected, c)
		}
	}
	for _, c := range sent.Spec.InitContainers {
		if i := named(p.Spec.InitContainers, c.Name); i >= 0 {
			policy := c.RestartPolicy
			c = p.Spec.InitContainers[i]
			c.RestartPolicy = policy
		}
		own = append(own, c)
	}
	p.Spec.InitContainers = append(injected, own...)
	p.Spec.Containers = slices.DeleteFunc(p.Spec.Containers, func(c corev1.Container) bool {
		return named(sent.Spec.InitContainers, c.Name) >= 0
	})
	facts.RestoreFields(sent, &p)
	return json.Marshal(p)
}

func named(list []corev1.Container, name string) int {
	return slices.IndexFunc(list, func(c corev1.Container) bool { return c.Name == name })
}
