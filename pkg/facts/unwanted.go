package facts

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An Unwanted is why a workload is to have no pods.
type Unwanted string

const (
	// UnwantedReplicas: it is scaled to 0.
	UnwantedReplicas Unwanted = "replicas"
	// UnwantedSuspended: spec.suspend is true.
	UnwantedSuspended Unwanted = "suspended"
	// UnwantedPaused: its rollout is paused, and it had no pods before.
	UnwantedPaused Unwanted = "paused"
	// UnwantedCompleted: the Job has completed, or those of the CronJob have.
	UnwantedCompleted Unwanted = "completed"
)

// Unwanted is why a workload of the snapshot is to have no pods; "" when it should have some, or is not in the snapshot.
func (s *Snapshot) Unwanted(kind, namespace, name string) Unwanted {
	named := func(o metav1.ObjectMeta) bool { return o.Namespace == namespace && o.Name == name }
	switch kind {
	case "Deployment":
		for _, d := range s.Deployments {
			if named(d.ObjectMeta) {
				return unwanted(d.Spec.Replicas, false, d.Spec.Paused)
			}
		}
	case "ReplicaSet":
		for _, r := range s.ReplicaSets {
			if named(r.ObjectMeta) {
				return unwanted(r.Spec.Replicas, false, false)
			}
		}
	case "StatefulSet":
		for _, d := range s.StatefulSets {
			if named(d.ObjectMeta) {
				return unwanted(d.Spec.Replicas, false, false)
			}
		}
	case "Job":
		for i := range s.Jobs {
			if named(s.Jobs[i].ObjectMeta) {
				return unwantedJob(&s.Jobs[i])
			}
		}
	case "CronJob":
		for i := range s.CronJobs {
			if named(s.CronJobs[i].ObjectMeta) {
				return s.unwantedCronJob(&s.CronJobs[i])
			}
		}
	default:
		for _, w := range s.CustomWorkloads {
			if w.Kind == kind && w.Namespace == namespace && w.Name == name {
				return unwanted(w.Replicas, w.Suspended, w.Paused)
			}
		}
	}
	return ""
}

func unwanted[N int32 | int64](replicas *N, suspended, paused bool) Unwanted {
	switch {
	case replicas != nil && *replicas == 0:
		return UnwantedReplicas
	case suspended:
		return UnwantedSuspended
	case paused:
		return UnwantedPaused
	}
	return ""
}

func unwantedJob(j *batchv1.Job) Unwanted {
	for _, c := range j.Status.Conditions {
		if c.Type == batchv1.JobComplete && c.Status == corev1.ConditionTrue {
			return UnwantedCompleted
		}
	}
	if j.Spec.Parallelism != nil && *j.Spec.Parallelism == 0 {
		return UnwantedReplicas
	}
	return unwanted[int32](nil, j.Spec.Suspend != nil && *j.Spec.Suspend, false)
}

// unwantedCronJob: a CronJob that is suspended may have started Jobs before, which are to complete.
func (s *Snapshot) unwantedCronJob(c *batchv1.CronJob) Unwanted {
	own := 0
	for i := range s.Jobs {
		j := &s.Jobs[i]
		if owner := metav1.GetControllerOf(j); owner == nil || owner.Kind != "CronJob" || owner.Name != c.Name || j.Namespace != c.Namespace {
			continue
		}
		own++
		if unwantedJob(j) == "" {
			return ""
		}
	}
	switch {
	case c.Spec.Suspend != nil && *c.Spec.Suspend:
		return UnwantedSuspended
	case own > 0:
		return UnwantedCompleted
	}
	return ""
}
