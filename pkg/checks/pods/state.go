package pods

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
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
	case isReady(p):
		return "running and ready"
	case p.Status.Phase == corev1.PodRunning:
		return "running, not ready yet"
	}
	return "starting"
}

// AllSettled reports whether every pod is where it will stay, as far as its start and end go.
func AllSettled(pods []corev1.Pod) bool {
	return !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return !settled(&p) })
}

func settled(p *corev1.Pod) bool { return p.DeletionTimestamp == nil && (finished(p) || isReady(p)) }

// finished reports whether a pod will not change any more.
func finished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

func isReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
