package collect

import (
	"context"
	"errors"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	podtemplate "github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A WorkloadQuery says which workloads to read.
type WorkloadQuery struct {
	// Namespace is empty for all.
	Namespace string
	// Selector is one of labels of the workloads; empty for all.
	Selector string
	// Kind and Name are those of one workload; empty for all.
	Kind, Name string
	// Custom are the CustomResourceDefinitions whose objects are read as well.
	Custom []facts.CRD
	// Unrecognized is given containers that are in no workload. With it, ReplicaSets and ReplicationControllers are read,
	// and objects of every kind whose schema has init containers; without, those that are known to have a pod template.
	Unrecognized func(podtemplate.Unrecognized)
}

// options are those of one page.
func (q WorkloadQuery) options(page metav1.ListOptions) metav1.ListOptions {
	page.LabelSelector = q.Selector
	if q.Name != "" {
		page.FieldSelector = "metadata.name=" + q.Name
	}
	return page
}

// TakeWorkload is given each workload, one after the other, with the metadata of its object. It keeps what it needs:
// nobody else keeps the rest.
type TakeWorkload func(*podtemplate.Workload, *metav1.ObjectMeta)

// Workloads reads the workloads of a cluster page by page, those that belong to no other, and no pods. What could not
// be read is a gap. The ledger is never nil.
func Workloads(ctx context.Context, o Options, q WorkloadQuery, take TakeWorkload) ([]facts.Gap, *Ledger, error) {
	o.Namespace = q.Namespace
	c, err := newCollector(o)
	if err != nil {
		return nil, &Ledger{}, err
	}
	ctx, cancel := c.opts.bounded(ctx)
	defer cancel()
	if err := c.contact(ctx); err != nil {
		return nil, c.ledger, err
	}
	for _, l := range c.workloadLists(q, take) {
		if q.Kind != "" && q.Kind != l.kind {
			continue
		}
		c.step("workloads", 0, 0)
		right := Rule{PolicyRule: rule("list", l.group, l.resource), Kind: l.fact, Why: "see the pod templates of workloads"}
		if c.mayNotListWorkloads(ctx, right, whole) {
			continue
		}
		if err := l.read(ctx); err != nil {
			c.failed(ctx, right, whole, err)
		}
	}
	if broken := c.broken.get(); broken != nil {
		return nil, c.ledger, broken
	}
	return c.snapshot.Gaps, c.ledger, nil
}

// A workloadList is one kind of workload, and how it is read.
type workloadList struct {
	group, resource, kind string
	fact                  facts.Kind
	read                  func(context.Context) error
}

func (c *collector) workloadLists(q WorkloadQuery, take TakeWorkload) []workloadList {
	ns, apps, batch := q.Namespace, c.client.AppsV1(), c.client.BatchV1()
	out := []workloadList{
		{"batch", "cronjobs", "CronJob", facts.CronJobs, listOfKind(c, q, "batch/v1", "CronJob", batch.CronJobs(ns).List, take,
			func(l *batchv1.CronJobList) []batchv1.CronJob { return l.Items },
			func(o *batchv1.CronJob) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
				return &o.ObjectMeta, &o.Spec.JobTemplate.Spec.Template, policyIn(&o.Spec.JobTemplate.Spec, "jobTemplate")
			})},
		{"batch", "jobs", "Job", facts.Jobs, listOfKind(c, q, "batch/v1", "Job", batch.Jobs(ns).List, take,
			func(l *batchv1.JobList) []batchv1.Job { return l.Items },
			func(o *batchv1.Job) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
				return &o.ObjectMeta, &o.Spec.Template, policyIn(&o.Spec)
			})},
		{"apps", "deployments", "Deployment", facts.Deployments, listOfKind(c, q, "apps/v1", "Deployment", apps.Deployments(ns).List, take,
			func(l *appsv1.DeploymentList) []appsv1.Deployment { return l.Items },
			func(o *appsv1.Deployment) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
				return &o.ObjectMeta, &o.Spec.Template, nil
			})},
		{"apps", "statefulsets", "StatefulSet", facts.StatefulSets, listOfKind(c, q, "apps/v1", "StatefulSet", apps.StatefulSets(ns).List, take,
			func(l *appsv1.StatefulSetList) []appsv1.StatefulSet { return l.Items },
			func(o *appsv1.StatefulSet) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
				return &o.ObjectMeta, &o.Spec.Template, nil
			})},
		{"apps", "daemonsets", "DaemonSet", facts.DaemonSets, listOfKind(c, q, "apps/v1", "DaemonSet", apps.DaemonSets(ns).List, take,
			func(l *appsv1.DaemonSetList) []appsv1.DaemonSet { return l.Items },
			func(o *appsv1.DaemonSet) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
				return &o.ObjectMeta, &o.Spec.Template, nil
			})},
	}
	if q.Unrecognized != nil {
		out = append(out, c.replicaLists(q, take)...)
	}
	for _, d := range q.Custom {
		if l, ok := c.customList(d, q.Unrecognized, take); ok {
			out = append(out, l)
		}
	}
	return out
}

// replicaLists are the kinds that hardly anybody writes, as their Deployments do it.
func (c *collector) replicaLists(q WorkloadQuery, take TakeWorkload) []workloadList {
	return []workloadList{
		{"apps", "replicasets", "ReplicaSet", facts.ReplicaSets, listOfKind(c, q, "apps/v1", "ReplicaSet", c.client.AppsV1().ReplicaSets(q.Namespace).List, take,
			func(l *appsv1.ReplicaSetList) []appsv1.ReplicaSet { return l.Items },
			func(o *appsv1.ReplicaSet) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
				return &o.ObjectMeta, &o.Spec.Template, nil
			})},
		{"", "replicationcontrollers", "ReplicationController", facts.CustomWorkloads, listOfKind(c, q, "v1", "ReplicationController", c.client.CoreV1().ReplicationControllers(q.Namespace).List, take,
			func(l *corev1.ReplicationControllerList) []corev1.ReplicationController {
				return slices.DeleteFunc(l.Items, func(o corev1.ReplicationController) bool { return o.Spec.Template == nil })
			},
			func(o *corev1.ReplicationController) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any) {
				return &o.ObjectMeta, o.Spec.Template, nil
			})},
	}
}

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

// listOfKind reads one kind: list is the client's method, template is where an item has its own.
func listOfKind[L metav1.ListInterface, T any](c *collector, q WorkloadQuery, apiVersion, kind string, list func(context.Context, metav1.ListOptions) (L, error), take TakeWorkload,
	items func(L) []T, template func(*T) (*metav1.ObjectMeta, *corev1.PodTemplateSpec, map[string]any)) func(context.Context) error {
	return func(ctx context.Context) error {
		seen := map[string]bool{} // a list that starts over hands over again
		return c.pages(ctx, func(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
			page, err := list(ctx, q.options(opts))
			if err != nil {
				return nil, err
			}
			all := items(page)
			for i := range all {
				meta, spec, object := template(&all[i])
				if key := meta.Namespace + "/" + meta.Name; metav1.GetControllerOf(meta) == nil && !seen[key] {
					seen[key] = true
					w := podtemplate.OfTemplate(apiVersion, kind, meta, spec)
					w.Object = object
					take(w, meta)
				}
			}
			return page, nil
		}, func() {})
	}
}

// customList reads the objects of a CustomResourceDefinition; ok is false where none of its versions is served, or
// nothing is known of pod templates in it. unrecognized may be nil.
func (c *collector) customList(d facts.CRD, unrecognized func(podtemplate.Unrecognized), take TakeWorkload) (workloadList, bool) {
	i := slices.IndexFunc(d.Versions, func(v facts.CRDVersion) bool { return v.Served })
	if i < 0 || unrecognized == nil && !podtemplate.Knows(d.Group, d.Kind) {
		return workloadList{}, false
	}
	resource, _, _ := strings.Cut(d.Name, ".")
	apiVersion := d.Group + "/" + d.Versions[i].Name
	return workloadList{d.Group, resource, d.Kind, facts.CustomWorkloads, func(ctx context.Context) error {
		var failed []error
		err := c.listObjects(ctx, apiVersion, resource, func(object map[string]any) {
			object["apiVersion"], object["kind"] = apiVersion, d.Kind
			found, err := podtemplate.InObject(object)
			failed = append(failed, err)
			for _, w := range found.Workloads {
				take(w, &metav1.ObjectMeta{Name: w.Name, Namespace: w.Namespace, Labels: w.Labels, Annotations: w.Annotations, OwnerReferences: w.Owners()})
			}
			if unrecognized != nil && metav1.GetControllerOf(&unstructured.Unstructured{Object: object}) == nil {
				for _, u := range found.Unrecognized {
					unrecognized(u)
				}
			}
		})
		return errors.Join(append(failed, err)...)
	}}, true
}
