package pods

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// StateOf says in a word or two what a pod does that is known to be well.
func StateOf(p *corev1.Pod) string {
	switch p.Status.Phase {
	case corev1.PodSucceeded:
		return "completed"
	case corev1.PodFailed:
		return "failed, and its Job has completed"
	}
	return "running and ready"
}

// AllSettled reports whether every pod is where it will stay, as far as its start and stop go.
func AllSettled(pods []corev1.Pod) bool {
	return !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return !facts.PodSettled(&p) })
}
