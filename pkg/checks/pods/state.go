package pods

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// StateOf says in a word or two what a pod does that nothing is wrong with.
func StateOf(p *corev1.Pod) string {
	switch {
	case p.DeletionTimestamp != nil:
		return "being deleted, within its grace period"
	case p.Status.Phase == corev1.PodSucceeded:
		return "completed"
	case p.Status.Phase == corev1.PodFailed:
		return "failed without a sign of a sidecar or of its init phase"
	case facts.PodReady(p):
		return "running and ready"
	case p.Status.Phase == corev1.PodRunning:
		return "running, not ready yet"
	}
	return "starting"
}

// AllSettled reports whether every pod is where it will stay, as far as its start and stop go.
func AllSettled(pods []corev1.Pod) bool {
	return !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return !facts.PodSettled(&p) })
}
