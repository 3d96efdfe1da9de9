package facts

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// An AddedContainer is an init container that a webhook adds to a pod.
type AddedContainer struct {
	Name string `json:"name"`
	// RestartPolicy is empty for an ordinary init container.
	RestartPolicy string `json:"restartPolicy,omitempty"`
}

func (a AddedContainer) sidecar() bool {
	return a.RestartPolicy == string(corev1.ContainerRestartPolicyAlways)
}

// Added are the init containers of after that before has not.
func Added(before, after *corev1.Pod) []AddedContainer {
	var out []AddedContainer
	for _, c := range after.Spec.InitContainers {
		if indexOf(before.Spec.InitContainers, c.Name) >= 0 {
			continue
		}
		added := AddedContainer{Name: c.Name}
		if c.RestartPolicy != nil {
			added.RestartPolicy = string(*c.RestartPolicy)
		}
		out = append(out, added)
	}
	return out
}

// InjectedChanges is what after has made of the native sidecars that others have added to sent before. Order and
// ordinary init containers are their own affair.
func InjectedChanges(sent, before, after *corev1.Pod) []Change {
	var out []Change
	for _, c := range before.Spec.InitContainers {
		if indexOf(sent.Spec.InitContainers, c.Name) >= 0 || !RestartsAlways(&c) {
			continue
		}
		for _, change := range change(c, after) {
			change.Detail = "added by another webhook: " + change.Detail
			out = append(out, change)
		}
	}
	return out
}

// injectedChanges is what became of the sidecars that webhooks of the class are known to add. That one is not
// there at all counts only where a webhook is known to remove it: else it may not have been added this time.
func (c *Canary) injectedChanges() []Change {
	var out []Change
	seen := map[string]bool{}
	for _, r := range c.Reviews {
		for _, a := range r.Added {
			if !a.sidecar() || seen[a.Name] || indexOf(c.Sent.Spec.InitContainers, a.Name) >= 0 {
				continue
			}
			seen[a.Name] = true
			out = append(out, c.injectedChange(r.Webhook, a)...)
		}
	}
	return out
}

func (c *Canary) injectedChange(by string, a AddedContainer) []Change {
	always := corev1.ContainerRestartPolicyAlways
	changes := change(corev1.Container{Name: a.Name, RestartPolicy: &always}, c.Returned)
	for i := range changes {
		changes[i].Detail = fmt.Sprintf("%s adds init container %q; %s", by, a.Name, changes[i].Detail)
	}
	if indexOf(c.Returned.Spec.InitContainers, a.Name) >= 0 || indexOf(c.Returned.Spec.Containers, a.Name) >= 0 {
		return changes
	}
	removed := slices.ContainsFunc(c.Reviews, func(r Review) bool {
		return slices.ContainsFunc(r.Changes, func(x Change) bool { return x.Kind == Removed && x.Container == a.Name })
	})
	if !removed {
		return nil
	}
	return changes
}

// Unaccounted are the ordinary init containers that came back and were neither sent nor, as far as is known,
// added as such: one of them may have been a native sidecar until another webhook saw it.
func (c *Canary) Unaccounted() []string {
	if c.Returned == nil || c.Sent == nil {
		return nil
	}
	var out []string
	for _, r := range c.Returned.Spec.InitContainers {
		if r.RestartPolicy != nil || indexOf(c.Sent.Spec.InitContainers, r.Name) >= 0 || c.addedBySomebody(r.Name) {
			continue
		}
		out = append(out, r.Name)
	}
	return out
}

func (c *Canary) addedBySomebody(name string) bool {
	return slices.ContainsFunc(c.Reviews, func(r Review) bool {
		return slices.ContainsFunc(r.Added, func(a AddedContainer) bool { return a.Name == name })
	})
}
