package collect

import (
	"maps"
	"slices"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	podtemplate "github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A typedKind is a built-in kind with a pod template, and where an object of it has that. The last result is as much of
// the object as a judgment of its pods needs besides.
type typedKind[L any, T any] struct {
	apiVersion, resource, kind string
	fact                       facts.Kind
	items                      func(L) []T
	template                   func(*T) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any)
}

var (
	cronJobsKind = typedKind[*batchv1.CronJobList, batchv1.CronJob]{"batch/v1", "cronjobs", "CronJob", facts.CronJobs,
		func(l *batchv1.CronJobList) []batchv1.CronJob { return l.Items },
		func(o *batchv1.CronJob) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
			return &o.ObjectMeta, &o.Spec.JobTemplate.Spec.Template, policyIn(&o.Spec.JobTemplate.Spec, "jobTemplate")
		}}
	jobsKind = typedKind[*batchv1.JobList, batchv1.Job]{"batch/v1", "jobs", "Job", facts.Jobs,
		func(l *batchv1.JobList) []batchv1.Job { return l.Items },
		func(o *batchv1.Job) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
			return &o.ObjectMeta, &o.Spec.Template, policyIn(&o.Spec)
		}}
	deploymentsKind = typedKind[*appsv1.DeploymentList, appsv1.Deployment]{"apps/v1", "deployments", "Deployment", facts.Deployments,
		func(l *appsv1.DeploymentList) []appsv1.Deployment { return l.Items },
		func(o *appsv1.Deployment) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
			return &o.ObjectMeta, &o.Spec.Template, nil
		}}
	statefulSetsKind = typedKind[*appsv1.StatefulSetList, appsv1.StatefulSet]{"apps/v1", "statefulsets", "StatefulSet", facts.StatefulSets,
		func(l *appsv1.StatefulSetList) []appsv1.StatefulSet { return l.Items },
		func(o *appsv1.StatefulSet) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
			return &o.ObjectMeta, &o.Spec.Template, nil
		}}
	daemonSetsKind = typedKind[*appsv1.DaemonSetList, appsv1.DaemonSet]{"apps/v1", "daemonsets", "DaemonSet", facts.DaemonSets,
		func(l *appsv1.DaemonSetList) []appsv1.DaemonSet { return l.Items },
		func(o *appsv1.DaemonSet) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
			return &o.ObjectMeta, &o.Spec.Template, nil
		}}
	replicationControllersKind = typedKind[*corev1.ReplicationControllerList, corev1.ReplicationController]{"v1", "replicationcontrollers", "ReplicationController", facts.ReplicationControllers,
		func(l *corev1.ReplicationControllerList) []corev1.ReplicationController { return l.Items },
		func(o *corev1.ReplicationController) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
			if o.Spec.Template == nil {
				return &o.ObjectMeta, &corev1.PodTemplateSpec{}, nil
			}
			return &o.ObjectMeta, o.Spec.Template, nil
		}}
	podTemplatesKind = typedKind[*corev1.PodTemplateList, corev1.PodTemplate]{"v1", "podtemplates", "PodTemplate", facts.PodTemplates,
		func(l *corev1.PodTemplateList) []corev1.PodTemplate { return l.Items },
		func(o *corev1.PodTemplate) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
			return &o.ObjectMeta, &o.Template, nil
		}}
)

// policyIn is as much of a Job as a judgment of its pods needs: its podFailurePolicy, below some keys of spec.
func policyIn(job *batchv1.JobSpec, below ...string) map[string]any {
	if job.PodFailurePolicy == nil {
		return nil
	}
	spec := map[string]any{"podFailurePolicy": job.PodFailurePolicy}
	for _, key := range slices.Backward(below) {
		spec = map[string]any{key: map[string]any{"spec": spec}}
	}
	return map[string]any{"spec": spec}
}

// A Handover gives the workloads that a run lists for its own purposes to somebody who wants them as well, each once: a
// cluster is not asked twice for the same.
type Handover struct {
	take TakeWorkload
	mu   sync.Mutex
	seen map[string]bool
	done map[string]bool
}

// NewHandover hands over to take, one after the other.
func NewHandover(take TakeWorkload) *Handover {
	return &Handover{take: take, seen: map[string]bool{}, done: map[string]bool{}}
}

// NeverHanded are the kinds of which nothing is ever handed over: no canary is made of them.
var NeverHanded = []string{"ReplicaSet", "ReplicationController", "PodTemplate"}

// oneByOne gives workloads to a taker one after the other, and not while something is handed over.
func (h *Handover) oneByOne(take TakeWorkload) TakeWorkload {
	return func(w *podtemplate.Workload, meta *metav1.ObjectMeta) {
		h.mu.Lock()
		defer h.mu.Unlock()
		take(w, meta)
	}
}

// Whole are the kinds of which all objects were handed over.
func (h *Handover) Whole() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(h.done))
}

func (h *Handover) whole(kind string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done[kind] = true
}

// give hands over an object, unless it belongs to another or was handed over before.
func (h *Handover) give(apiVersion, kind string, meta *metav1.ObjectMeta, spec *corev1.PodTemplateSpec, object map[string]any) {
	if metav1.GetControllerOf(meta) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if key := kind + " " + meta.Namespace + "/" + meta.Name; !h.seen[key] {
		h.seen[key] = true
		w := podtemplate.OfTemplate(apiVersion, kind, meta, spec)
		w.Object = object
		h.take(w, meta)
	}
}
