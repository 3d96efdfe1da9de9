package facts

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// The Trim functions keep of the owners of pods what a check can use: how they are owned, their
// template, trimmed as a pod is, and their status.

func trimTemplate(t *corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	out := corev1.PodTemplateSpec{Spec: trimPodSpec(&t.Spec)}
	out.Labels, out.Annotations = t.Labels, trimAnnotations(t.Annotations)
	return out
}

func TrimDeployment(d *appsv1.Deployment) appsv1.Deployment {
	return withoutSecrets(appsv1.Deployment{ObjectMeta: trimMeta(&d.ObjectMeta), Status: d.Status, Spec: appsv1.DeploymentSpec{
		Replicas: d.Spec.Replicas, Selector: d.Spec.Selector, Paused: d.Spec.Paused,
		ProgressDeadlineSeconds: d.Spec.ProgressDeadlineSeconds, Template: trimTemplate(&d.Spec.Template), Strategy: d.Spec.Strategy,
	}})
}

func TrimReplicaSet(r *appsv1.ReplicaSet) appsv1.ReplicaSet {
	return withoutSecrets(appsv1.ReplicaSet{ObjectMeta: trimMeta(&r.ObjectMeta), Status: r.Status, Spec: appsv1.ReplicaSetSpec{
		Replicas: r.Spec.Replicas, Selector: r.Spec.Selector, Template: trimTemplate(&r.Spec.Template),
	}})
}

func TrimStatefulSet(s *appsv1.StatefulSet) appsv1.StatefulSet {
	return withoutSecrets(appsv1.StatefulSet{ObjectMeta: trimMeta(&s.ObjectMeta), Status: s.Status, Spec: appsv1.StatefulSetSpec{
		Replicas: s.Spec.Replicas, Selector: s.Spec.Selector, ServiceName: s.Spec.ServiceName, Template: trimTemplate(&s.Spec.Template),
		UpdateStrategy: s.Spec.UpdateStrategy,
	}})
}

func TrimDaemonSet(d *appsv1.DaemonSet) appsv1.DaemonSet {
	return withoutSecrets(appsv1.DaemonSet{ObjectMeta: trimMeta(&d.ObjectMeta), Status: d.Status, Spec: appsv1.DaemonSetSpec{
		Selector: d.Spec.Selector, Template: trimTemplate(&d.Spec.Template), UpdateStrategy: d.Spec.UpdateStrategy,
	}})
}

func TrimJob(j *batchv1.Job) batchv1.Job {
	return withoutSecrets(batchv1.Job{ObjectMeta: trimMeta(&j.ObjectMeta), Status: j.Status, Spec: trimJobSpec(&j.Spec)})
}

func TrimCronJob(c *batchv1.CronJob) batchv1.CronJob {
	return withoutSecrets(batchv1.CronJob{ObjectMeta: trimMeta(&c.ObjectMeta), Status: c.Status, Spec: batchv1.CronJobSpec{
		Schedule: c.Spec.Schedule, Suspend: c.Spec.Suspend, ConcurrencyPolicy: c.Spec.ConcurrencyPolicy,
		JobTemplate: batchv1.JobTemplateSpec{Spec: trimJobSpec(&c.Spec.JobTemplate.Spec)},
	}})
}

func trimJobSpec(s *batchv1.JobSpec) batchv1.JobSpec {
	return batchv1.JobSpec{
		Parallelism: s.Parallelism, Completions: s.Completions, CompletionMode: s.CompletionMode,
		ActiveDeadlineSeconds: s.ActiveDeadlineSeconds, BackoffLimit: s.BackoffLimit, Suspend: s.Suspend,
		PodFailurePolicy: s.PodFailurePolicy, Selector: s.Selector, Template: trimTemplate(&s.Template),
	}
}

// TrimEvent keeps what an event says, about what, how often and when.
func TrimEvent(e *corev1.Event) corev1.Event {
	out := corev1.Event{
		InvolvedObject: about(e.InvolvedObject),
		Reason:         e.Reason, Message: bound(redactText(e.Message)), Type: e.Type, Count: e.Count,
		FirstTimestamp: e.FirstTimestamp, LastTimestamp: e.LastTimestamp, EventTime: e.EventTime, Series: e.Series,
		ReportingController: e.ReportingController,
	}
	out.Name, out.Namespace, out.CreationTimestamp = e.Name, e.Namespace, e.CreationTimestamp
	out.Source.Component = e.Source.Component
	return withoutSecrets(out)
}
