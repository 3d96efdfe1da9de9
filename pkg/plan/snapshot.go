package plan

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// read are the kinds of workloads that a plan looks at.
var read = []facts.Kind{facts.CronJobs, facts.Jobs, facts.Deployments, facts.StatefulSets, facts.DaemonSets}

// OfSnapshot is the plan for a file: wanted says which of its workloads. Kinds that are not in it are gaps.
func OfSnapshot(s *facts.Snapshot, tool string, wanted func(kind string, meta *metav1.ObjectMeta) bool) *Plan {
	p := New(s, tool)
	add := func(apiVersion, kind string, meta *metav1.ObjectMeta, template *corev1.PodTemplateSpec) {
		if metav1.GetControllerOf(meta) == nil && wanted(kind, meta) {
			p.Add(workload.OfTemplate(apiVersion, kind, meta, template), meta)
		}
	}
	for i := range s.CronJobs {
		add("batch/v1", "CronJob", &s.CronJobs[i].ObjectMeta, &s.CronJobs[i].Spec.JobTemplate.Spec.Template)
	}
	for i := range s.Jobs {
		add("batch/v1", "Job", &s.Jobs[i].ObjectMeta, &s.Jobs[i].Spec.Template)
	}
	for i := range s.Deployments {
		add("apps/v1", "Deployment", &s.Deployments[i].ObjectMeta, &s.Deployments[i].Spec.Template)
	}
	for i := range s.StatefulSets {
		add("apps/v1", "StatefulSet", &s.StatefulSets[i].ObjectMeta, &s.StatefulSets[i].Spec.Template)
	}
	for i := range s.DaemonSets {
		add("apps/v1", "DaemonSet", &s.DaemonSets[i].ObjectMeta, &s.DaemonSets[i].Spec.Template)
	}
	for _, c := range s.CustomWorkloads {
		meta := &metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name}
		if wanted(c.Kind, meta) {
			p.Add(workload.OfTemplate(c.APIVersion, c.Kind, meta, &c.Template), meta)
		}
	}
	var gaps []facts.Gap
	for _, kind := range read {
		gaps = append(gaps, checks.Unread(s, kind)...)
	}
	return p.Finish(gaps)
}
