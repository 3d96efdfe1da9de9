package pods

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A maker is an object with a pod template.
type maker struct {
	checks.Object
	meta *metav1.ObjectMeta
	// template is nil when only its name is known, from a reference of what it made.
	template *corev1.PodTemplateSpec
	// path is where the pod spec is, as in a JSON patch: "/spec/template/spec".
	path string
	// resource is how kubectl calls it.
	resource string
	// lacksPods is that it has fewer pods than it is meant to have, pods how many it has, wants how many it is meant
	// to have; of Jobs those that have not finished.
	lacksPods   bool
	pods, wants int32
	// failures are the conditions of a ReplicaSet that say that a pod was rejected.
	failures []appsv1.ReplicaSetCondition
	// custom is a kind that is not built in: no strategic merge patch.
	custom  bool
	rollout rollout
}

const (
	templatePath = "/spec/template/spec"
	cronPath     = "/spec/jobTemplate/spec/template/spec"
)

// makersOf follows owner references upwards. A controller that is not in the snapshot ends the
// chain: it is the last, without a template.
func (s *scene) makersOf(namespace string, refs []metav1.OwnerReference) []maker {
	var out []maker
	for len(out) < 8 { // no chain is that long; a loop would be
		ref := metav1.GetControllerOfNoCopy(&metav1.ObjectMeta{OwnerReferences: refs})
		if ref == nil || ref.Kind == "Node" {
			return out
		}
		m := s.maker(namespace, ref.APIVersion, ref.Kind, ref.Name)
		out = append(out, m)
		if m.meta == nil {
			return out
		}
		refs = m.meta.OwnerReferences
	}
	return out
}

func (s *scene) maker(namespace, apiVersion, kind, name string) maker {
	if m, ok := s.named[checks.Object{Kind: kind, Namespace: namespace, Name: name}]; ok {
		return m
	}
	group, _, _ := strings.Cut(apiVersion, "/")
	builtIn := group == "apps" || group == "batch" || group == "v1"
	m := maker{Object: checks.Object{Kind: kind, Namespace: namespace, Name: name}, path: templatePath, resource: strings.ToLower(kind), custom: !builtIn}
	if kind == "CronJob" {
		m.path = cronPath
	}
	return m
}

// makers are all objects with a pod template, the topmost kinds first.
func makers(s *facts.Snapshot) []maker {
	var out []maker
	add := func(kind string, meta *metav1.ObjectMeta, template *corev1.PodTemplateSpec, path string) *maker {
		out = append(out, maker{
			Object: checks.Object{Kind: kind, Namespace: meta.Namespace, Name: meta.Name}, meta: meta,
			template: template, path: path, resource: strings.ToLower(kind),
		})
		return &out[len(out)-1]
	}
	for i := range s.CustomWorkloads {
		c := &s.CustomWorkloads[i]
		add(c.Kind, &metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name}, &c.Template, "/"+strings.ReplaceAll(c.Path, ".", "/")+"/spec").custom = true
	}
	for i := range s.CronJobs {
		add("CronJob", &s.CronJobs[i].ObjectMeta, &s.CronJobs[i].Spec.JobTemplate.Spec.Template, cronPath)
	}
	for i := range s.Jobs {
		add("Job", &s.Jobs[i].ObjectMeta, &s.Jobs[i].Spec.Template, templatePath).counts(jobPods(&s.Jobs[i]))
	}
	for i := range s.Deployments {
		w := &s.Deployments[i]
		add("Deployment", &w.ObjectMeta, &w.Spec.Template, templatePath).rollsOutDeployment(&w.Spec)
	}
	for i := range s.StatefulSets {
		w := &s.StatefulSets[i]
		m := add("StatefulSet", &w.ObjectMeta, &w.Spec.Template, templatePath)
		m.counts(w.Status.Replicas, ptr.Deref(w.Spec.Replicas, 1))
		m.rollsOutStatefulSet(&w.Spec.UpdateStrategy)
	}
	for i := range s.DaemonSets {
		w := &s.DaemonSets[i]
		m := add("DaemonSet", &w.ObjectMeta, &w.Spec.Template, templatePath)
		m.counts(w.Status.CurrentNumberScheduled, w.Status.DesiredNumberScheduled)
		m.rollout.manual = w.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType
	}
	for i := range s.ReplicaSets {
		w := &s.ReplicaSets[i]
		m := add("ReplicaSet", &w.ObjectMeta, &w.Spec.Template, templatePath)
		m.counts(w.Status.Replicas, ptr.Deref(w.Spec.Replicas, 1))
		for _, c := range w.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue && c.Reason == failedCreate {
				m.failures = append(m.failures, c)
			}
		}
	}
	return out
}

func (m *maker) counts(pods, wants int32) { m.lacksPods, m.pods, m.wants = pods < wants, pods, wants }

// jobPods is how many pods of a Job there are that have not finished, and how many there are to be. A Job without
// completions makes no more of them after the first success (batch/v1 JobSpec, completions).
func jobPods(j *batchv1.Job) (has, wants int32) {
	over := []batchv1.JobConditionType{batchv1.JobComplete, batchv1.JobFailed, batchv1.JobSuspended, batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet}
	if facts.JobSuspended(j) || slices.ContainsFunc(over, func(c batchv1.JobConditionType) bool { return facts.JobIs(j, c) }) {
		return 0, 0
	}
	has, wants = j.Status.Active+ptr.Deref(j.Status.Terminating, 0), ptr.Deref(j.Spec.Parallelism, 1)
	succeeded := j.Status.Succeeded
	if u := j.Status.UncountedTerminatedPods; u != nil {
		succeeded += int32(len(u.Succeeded))
	}
	switch {
	case has > 0 && ptr.Deref(j.Status.FailedIndexes, "") != "":
		return has, has // how many indexes are left is not counted
	case j.Spec.Completions != nil:
		wants = min(wants, *j.Spec.Completions-succeeded)
	case has > 0 && succeeded > 0:
		return has, has
	}
	return has, wants
}

// top is the last of the makers; the pod itself when it has none.
func (p subject) top() checks.Object {
	if len(p.makers) == 0 {
		return p.object()
	}
	return p.makers[len(p.makers)-1].Object
}

// topOf is the topmost maker of any object of the snapshot; the object itself when it has none.
func (s *scene) topOf(o checks.Object) checks.Object {
	if m, ok := s.named[o]; ok {
		if above := s.makersOf(o.Namespace, m.meta.OwnerReferences); len(above) > 0 {
			return above[len(above)-1].Object
		}
	}
	return o
}

// ofJob reports whether a Job made the pod.
func (p subject) ofJob() bool {
	for _, m := range p.makers {
		if m.Kind == "Job" {
			return true
		}
	}
	return false
}

// container finds an init container or container of the template by name.
func (m maker) container(name string) (c *corev1.Container, init bool, index int) {
	if m.template == nil {
		return nil, false, -1
	}
	for i := range m.template.Spec.InitContainers {
		if m.template.Spec.InitContainers[i].Name == name {
			return &m.template.Spec.InitContainers[i], true, i
		}
	}
	for i := range m.template.Spec.Containers {
		if m.template.Spec.Containers[i].Name == name {
			return &m.template.Spec.Containers[i], false, i
		}
	}
	return nil, false, -1
}
