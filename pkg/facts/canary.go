package facts

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// ChangeKind is what happened to a native sidecar between the request and the object.
type ChangeKind string

const (
	// Stripped: the init container is there, its restartPolicy Always is not, or is another.
	Stripped ChangeKind = "stripped"
	// Moved: a container that was sent without restartPolicy Always has it, or the order of the init containers changed.
	Moved ChangeKind = "moved"
	// Removed: no init container of that name is left.
	Removed ChangeKind = "removed"
)

// A Change is one difference between a pod that was sent and what the API server would store.
type Change struct {
	Kind ChangeKind `json:"kind"`
	// Container is the name of the container.
	Container string `json:"container"`
	// Detail is the difference, as evidence: the field with both values.
	Detail string `json:"detail"`
}

// Changes lists what became of the init containers of sent in returned: only containers that were
// sent count, injected ones are somebody else's. Order is that of sent.
func Changes(sent, returned *corev1.Pod) []Change {
	var out []Change
	for i := range sent.Spec.InitContainers {
		out = append(out, change(sent.Spec.InitContainers[i], returned)...)
	}
	return append(out, reordered(sent, returned)...)
}

func change(sent corev1.Container, returned *corev1.Pod) []Change {
	was := policyText(sent.RestartPolicy)
	i := indexOf(returned.Spec.InitContainers, sent.Name)
	if i < 0 {
		where := "in no container list"
		if indexOf(returned.Spec.Containers, sent.Name) >= 0 {
			where = "among the regular containers"
		}
		return []Change{{Removed, sent.Name, fmt.Sprintf("init container %q (restartPolicy: %s) was sent, and came back %s", sent.Name, was, where)}}
	}
	is := policyText(returned.Spec.InitContainers[i].RestartPolicy)
	if was == is {
		return nil
	}
	detail := fmt.Sprintf("spec.initContainers[name=%q].restartPolicy: sent %s, came back %s", sent.Name, was, is)
	switch always := string(corev1.ContainerRestartPolicyAlways); {
	case was == always:
		return []Change{{Stripped, sent.Name, detail}}
	case is == always:
		return []Change{{Moved, sent.Name, detail}}
	}
	return nil // neither was or is a sidecar (Never and OnFailure, KEP-5307)
}

// reordered compares the order of those init containers that are in both pods.
func reordered(sent, returned *corev1.Pod) []Change {
	var want, got []string
	for _, c := range sent.Spec.InitContainers {
		if indexOf(returned.Spec.InitContainers, c.Name) >= 0 {
			want = append(want, c.Name)
		}
	}
	for _, c := range returned.Spec.InitContainers {
		if slices.Contains(want, c.Name) {
			got = append(got, c.Name)
		}
	}
	if slices.Equal(want, got) {
		return nil
	}
	return []Change{{Moved, want[0], fmt.Sprintf("spec.initContainers: sent in the order %q, came back as %q", want, got)}}
}

// Scopes of gaps of canaries that came back: not what became of one is open, but whose doing it was. The
// scope of its class follows.
const (
	// ScopeReview: the webhooks of the class could not be called directly.
	ScopeReview = "review/"
	// ScopeTemplate: whether the API server itself keeps what was lost was not tried.
	ScopeTemplate = "podtemplate/"
)

const absent = "(absent)"

func policyText(p *corev1.ContainerRestartPolicy) string {
	if p == nil {
		return absent
	}
	return string(*p)
}

func indexOf(list []corev1.Container, name string) int {
	return slices.IndexFunc(list, func(c corev1.Container) bool { return c.Name == name })
}

// Changes is what became of the canary's sidecars, and of those that a webhook added to it; none when it was
// refused or is a control.
func (c *Canary) Changes() []Change {
	if c.Returned == nil || c.Sent == nil {
		return nil
	}
	return append(Changes(c.Sent, c.Returned), c.injectedChanges()...)
}

// String says what the shape's pods and service accounts have: the keys only.
func (s *Shape) String() string {
	var parts []string
	for _, p := range []struct {
		what string
		keys []string
	}{
		{"labels", s.Labels}, {"annotations", s.Annotations},
		{"a service account with labels", s.AccountLabels}, {"a service account with annotations", s.AccountAnnotations},
	} {
		if len(p.keys) > 0 {
			parts = append(parts, p.what+" "+strings.Join(p.keys, ", "))
		}
	}
	return strings.Join(parts, "; ")
}
