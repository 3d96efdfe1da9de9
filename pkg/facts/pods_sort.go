package facts

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// sortPods puts pods and what makes them into an order: by namespace and name, events by time.
func (s *Snapshot) sortPods() {
	s.Pods = sorted(s.Pods, func(o *corev1.Pod) string { return fullName(o) })
	s.Deployments = sorted(s.Deployments, func(o *appsv1.Deployment) string { return fullName(o) })
	s.ReplicaSets = sorted(s.ReplicaSets, func(o *appsv1.ReplicaSet) string { return fullName(o) })
	s.StatefulSets = sorted(s.StatefulSets, func(o *appsv1.StatefulSet) string { return fullName(o) })
	s.DaemonSets = sorted(s.DaemonSets, func(o *appsv1.DaemonSet) string { return fullName(o) })
	s.Jobs = sorted(s.Jobs, func(o *batchv1.Job) string { return fullName(o) })
	s.CronJobs = sorted(s.CronJobs, func(o *batchv1.CronJob) string { return fullName(o) })
	s.CustomWorkloads = sorted(s.CustomWorkloads, func(o *CustomWorkload) string {
		return o.Kind + "\x00" + o.Namespace + "\x00" + o.Name
	})
	s.Services = sorted(s.Services, func(o *corev1.Service) string { return fullName(o) })
	s.EndpointSlices = sorted(s.EndpointSlices, func(o *discoveryv1.EndpointSlice) string { return fullName(o) })
	s.Events = sorted(s.Events, func(e *corev1.Event) string {
		at := e.LastTimestamp.Time
		if at.IsZero() {
			at = e.EventTime.Time
		}
		return at.UTC().Format(time.RFC3339) + "\x00" + fullName(e)
	})
	s.Logs = sorted(s.Logs, func(l *ContainerLog) string {
		key := l.Namespace + "\x00" + l.Pod + "\x00" + l.Container
		if !l.Previous {
			key += "\x00current"
		}
		return key
	})
}

func fullName(o metav1.Object) string { return o.GetNamespace() + "\x00" + o.GetName() }
