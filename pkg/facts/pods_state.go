package facts

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// What a pod's status says of its state, in one place and without an opinion on it.

// PodFinished reports whether a pod will not change anymore: all its containers have exited for good.
func PodFinished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// PodReady reports whether a pod's Ready condition is true.
func PodReady(p *corev1.Pod) bool {
	c := PodConditionOf(p, corev1.PodReady)
	return c != nil && c.Status == corev1.ConditionTrue
}

// PodSettled reports whether a pod is where it will stay unless something happens to it: finished, or ready,
// and not being deleted.
func PodSettled(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && (PodFinished(p) || PodReady(p))
}

// JobIs reports whether a condition of a Job is true.
func JobIs(j *batchv1.Job, kind batchv1.JobConditionType) bool {
	return JobConditionOf(j, kind) != nil
}

// JobConditionOf is a condition of a Job that is true; nil when it has none of that type.
func JobConditionOf(j *batchv1.Job, kind batchv1.JobConditionType) *batchv1.JobCondition {
	i := slices.IndexFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool { return c.Type == kind && c.Status == corev1.ConditionTrue })
	if i < 0 {
		return nil
	}
	return &j.Status.Conditions[i]
}

// JobDone reports whether a Job has all the successes that it needs.
func JobDone(j *batchv1.Job) bool {
	return JobIs(j, batchv1.JobComplete) || j.Status.Succeeded >= ptr.Deref(j.Spec.Completions, 1)
}

// PodConditionOf is a condition of a pod; nil when it has none of that type.
func PodConditionOf(p *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == kind {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

// ContainerStatusOf is the status of a container of that name; nil when it has none yet.
func ContainerStatusOf(statuses []corev1.ContainerStatus, name string) *corev1.ContainerStatus {
	for i := range statuses {
		if statuses[i].Name == name {
			return &statuses[i]
		}
	}
	return nil
}

// WaitingReason is the reason for which a container waits; "" when it does not, or gives none.
func WaitingReason(s *corev1.ContainerStatus) string {
	if s == nil || s.State.Waiting == nil {
		return ""
	}
	return s.State.Waiting.Reason
}

// startingReasons are for which a container waits that the kubelet has not started yet, and with which nothing
// is wrong (k8s.io/kubernetes pkg/kubelet/kubelet_pods.go, convertStatusToAPIStatus). The former is that of
// pods with init containers, also for a container whose postStart hook has not returned.
var startingReasons = []string{"PodInitializing", "ContainerCreating"}

// StartingReason reports whether a reason to wait is one of a container that is still to be started, or is being
// started.
func StartingReason(reason string) bool { return slices.Contains(startingReasons, reason) }

// ContainerReached reports whether the kubelet has got to a container in this sandbox of the pod: it runs, has
// exited, or waits for a reason of its own.
func ContainerReached(s *corev1.ContainerStatus) bool {
	if s == nil {
		return false
	}
	reason := WaitingReason(s)
	return s.State.Running != nil || s.State.Terminated != nil || reason != "" && !StartingReason(reason)
}

// ContainerStarted reports whether a container has passed its startup probe, if it has one, in its current run.
func ContainerStarted(s *corev1.ContainerStatus) bool {
	return s != nil && s.Started != nil && *s.Started
}

// InitContainerPassed reports whether an init container lets the next one start: a native sidecar once it has
// started, any other once it has succeeded.
func InitContainerPassed(c *corev1.Container, s *corev1.ContainerStatus) bool {
	if RestartsAlways(c) {
		return ContainerStarted(s)
	}
	return s != nil && s.State.Terminated != nil && !InitContainerFailed(s.State.Terminated)
}

// OOMKilled is the reason of a container in which the kernel killed a process because memory ran out.
const OOMKilled = "OOMKilled"

// InitContainerFailed reports whether the kubelet counts the run of an init container as failed. Where memory ran out
// it does even if the exit code is 0, because only a child was killed (k8s.io/kubernetes
// pkg/kubelet/kuberuntime/helpers.go, isInitContainerFailed); the API server's condition Initialized goes by the
// exit code and is true.
func InitContainerFailed(end *corev1.ContainerStateTerminated) bool {
	return end.ExitCode != 0 || end.Reason == OOMKilled
}

// LastTermination is how the current or the last run of a container ended; nil when none has.
func LastTermination(s *corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	switch {
	case s == nil:
		return nil
	case s.State.Terminated != nil:
		return s.State.Terminated
	}
	return s.LastTerminationState.Terminated
}
