package plan

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// read are the kinds of workloads that a plan looks at.
var read = map[string]facts.Kind{
	"CronJob": facts.CronJobs, "Job": facts.Jobs, "Deployment": facts.Deployments, "StatefulSet": facts.StatefulSets, "DaemonSet": facts.DaemonSets,
	"ReplicaSet": facts.ReplicaSets,
}

// Limits of every plan.
const (
	// PodsUnread: pods are too many to be read.
	PodsUnread = "bare pods: pods are not read; kubectl sidecar why -A looks at them, and plan -f at those in a file (kubectl get pods -A -o yaml)"
	// FileKinds: what no file is read for.
	FileKinds = "ReplicationControllers and PodTemplates: those in a file are not looked at, only those of a cluster"
	// FileReferrers: the same, of what else changes.
	FileReferrers = "what autoscalers and monitors say of the sidecars: those in a file are not looked at, only those of a cluster"
)

// OfSnapshot is the plan for a file: wanted says which of its workloads, kinds of which kinds they can be, all of them
// where there are none. Kinds that are not in the file are gaps.
func OfSnapshot(s *facts.Snapshot, tool string, kinds []string, wanted func(kind string, meta *metav1.ObjectMeta) bool) *Plan {
	p := New(tool)
	add := func(apiVersion, kind string, meta *metav1.ObjectMeta, template *corev1.PodTemplateSpec) {
		if metav1.GetControllerOf(meta) == nil && wanted(kind, meta) {
			p.Add(workload.OfTemplate(apiVersion, kind, meta, template), meta)
		}
	}
	eachBuiltin(s, add)
	for _, c := range s.CustomWorkloads {
		meta := &metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name}
		if wanted(c.Kind, meta) {
			p.Add(workload.OfTemplate(c.APIVersion, c.Kind, meta, &c.Template), meta)
		}
	}
	for i := range s.Services {
		p.refersTo(&s.Services[i])
	}
	var gaps []facts.Gap
	for _, kind := range slices.Sorted(maps.Keys(read)) {
		if len(kinds) == 0 || slices.Contains(kinds, kind) {
			gaps = append(gaps, checks.Unread(s, read[kind])...)
		}
	}
	out := p.Finish(s, gaps)
	if needs := p.Needs(); len(needs) > 0 {
		out.Limits = append(out.Limits, FileReferrers)
		if slices.Contains(needs, Ports) && !s.Has(facts.Services) {
			out.Gaps = append(out.Gaps, checks.Unread(s, facts.Services)...)
		}
	}
	if len(kinds) > 0 {
		return out
	}
	if !s.Has(facts.Pods) {
		out.Limits = append(out.Limits, PodsUnread)
	}
	out.Limits = append(out.Limits, FileKinds)
	return out
}

// refersTo looks at a Service of a file.
func (p *Planner) refersTo(s *corev1.Service) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(s)
	if err != nil {
		return // a Service that was decoded can be encoded
	}
	fields["kind"] = "Service"
	p.Refer(fields)
}

// eachBuiltin gives add all workloads of a file of the built-in kinds, and the pods that have not ended.
func eachBuiltin(s *facts.Snapshot, add func(apiVersion, kind string, meta *metav1.ObjectMeta, template *corev1.PodTemplateSpec)) {
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
	for i := range s.ReplicaSets {
		add("apps/v1", "ReplicaSet", &s.ReplicaSets[i].ObjectMeta, &s.ReplicaSets[i].Spec.Template)
	}
	for i := range s.Pods {
		if pod := &s.Pods[i]; pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
			add("v1", "Pod", &pod.ObjectMeta, &corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec})
		}
	}
}
