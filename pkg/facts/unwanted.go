package facts

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
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
	switch kind {
	case "Deployment":
		return unwantedOf(s.Deployments, namespace, name, func(d *appsv1.Deployment) Unwanted { return unwanted(d.Spec.Replicas, false, d.Spec.Paused) })
	case "ReplicaSet":
		return unwantedOf(s.ReplicaSets, namespace, name, func(r *appsv1.ReplicaSet) Unwanted { return unwanted(r.Spec.Replicas, false, false) })
	case "StatefulSet":
		return unwantedOf(s.StatefulSets, namespace, name, func(o *appsv1.StatefulSet) Unwanted { return unwanted(o.Spec.Replicas, false, false) })
	case "Job":
		return unwantedOf(s.Jobs, namespace, name, unwantedJob)
	case "CronJob":
		return unwantedOf(s.CronJobs, namespace, name, s.unwantedCronJob)
	}
	i := slices.IndexFunc(s.CustomWorkloads, func(w CustomWorkload) bool { return w.Kind == kind && w.Namespace == namespace && w.Name == name })
	if i < 0 {
		return ""
	}
	w := s.CustomWorkloads[i]
	return unwanted(w.Replicas, w.Suspended, w.Paused)
}

// unwantedOf is what why says of the object of that name.
func unwantedOf[T any, P interface {
	*T
	metav1.Object
}](list []T, namespace, name string, why func(*T) Unwanted) Unwanted {
	for i := range list {
		if o := P(&list[i]); o.GetNamespace() == namespace && o.GetName() == name {
			return why(&list[i])
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
	if JobIs(j, batchv1.JobComplete) {
		return UnwantedCompleted
	}
	if j.Spec.Parallelism != nil && *j.Spec.Parallelism == 0 {
		return UnwantedReplicas
	}
	return unwanted[int32](nil, JobSuspended(j) && QueueOf(j) == "", false)
}

// JobSuspended reports whether a Job is to make no pods for now.
func JobSuspended(j *batchv1.Job) bool { return j.Spec.Suspend != nil && *j.Spec.Suspend }

// QueueOf is the queue of Kueue that a Job is in; "" when it is in none. Kueue keeps a Job suspended until it admits it:
// nobody wants it to have no pods.
func QueueOf(j *batchv1.Job) string { return j.Labels["kueue.x-k8s.io/queue-name"] }

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
