package offenders

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
)

// operation is one line of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func isSidecar(c corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

func isOrdinary(c corev1.Container) bool { return c.RestartPolicy == nil }

// index is the first init container for which is holds, or -1.
func index(pod *corev1.Pod, is func(corev1.Container) bool) int {
	return slices.IndexFunc(pod.Spec.InitContainers, is)
}

// patches are what the webhooks of the same name do to a pod. A name that is not here changes nothing.
var patches = map[string]func(*corev1.Pod) []operation{
	"preserve":  annotate,
	"strip":     strip,
	"strip-for": strip,
	"move": func(pod *corev1.Pod) []operation {
		to := index(pod, isOrdinary)
		if to < 0 {
			return nil
		}
		return append(strip(pod), operation{"add", fmt.Sprintf("/spec/initContainers/%d/restartPolicy", to), "Always"})
	},
	"remove": func(pod *corev1.Pod) []operation {
		i := index(pod, isSidecar)
		if i < 0 {
			return nil
		}
		return []operation{{Op: "remove", Path: fmt.Sprintf("/spec/initContainers/%d", i)}}
	},
	"regular": func(pod *corev1.Pod) []operation {
		i := index(pod, isSidecar)
		if i < 0 {
			return nil
		}
		c := pod.Spec.InitContainers[i].DeepCopy()
		c.RestartPolicy = nil
		return []operation{{Op: "remove", Path: fmt.Sprintf("/spec/initContainers/%d", i)}, {"add", "/spec/containers/-", c}}
	},
	"inject": func(pod *corev1.Pod) []operation {
		always := corev1.ContainerRestartPolicyAlways
		c := corev1.Container{Name: "injected", Image: "proxy:1", RestartPolicy: &always,
			StartupProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}},
			Env:          []corev1.EnvVar{{Name: "TOKEN", Value: "secret"}}}
		if len(pod.Spec.InitContainers) == 0 {
			return []operation{{"add", "/spec/initContainers", []corev1.Container{c}}}
		}
		if index(pod, func(c corev1.Container) bool { return c.Name == "injected" }) >= 0 {
			return nil
		}
		return []operation{{"add", "/spec/initContainers/0", c}}
	},
	"bad-patch": func(*corev1.Pod) []operation {
		return []operation{{Op: "remove", Path: "/spec/nothing/7"}}
	},
	// A patch of 10 MB that the API server does not even read.
	"huge": func(*corev1.Pod) []operation {
		return []operation{{"add", "/metadata/annotations", map[string]string{"x": strings.Repeat("x", 10<<20)}}}
	},
}

func annotate(pod *corev1.Pod) []operation {
	if pod.Annotations == nil {
		return []operation{{"add", "/metadata/annotations", map[string]string{"seen": "yes"}}}
	}
	return []operation{{"add", "/metadata/annotations/seen", "yes"}}
}

// strip removes the field wherever it is, as an encoding with old Go types does.
func strip(pod *corev1.Pod) []operation {
	var out []operation
	for i, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil {
			out = append(out, operation{Op: "remove", Path: fmt.Sprintf("/spec/initContainers/%d/restartPolicy", i)})
		}
	}
	return out
}

func setPatch(answer *admissionv1.AdmissionReview, patch func(*corev1.Pod) []operation, pod *corev1.Pod) {
	if patch == nil {
		return
	}
	operations := patch(pod)
	if len(operations) == 0 {
		return
	}
	raw, err := json.Marshal(operations)
	if err != nil {
		deny(answer, err.Error())
		return
	}
	kind := admissionv1.PatchTypeJSONPatch
	answer.Response.Patch, answer.Response.PatchType = raw, &kind
}
