package collect

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"

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
	// Handed, if set, has given workloads to the same taker before: kinds of which it gave all are not read again.
	Handed *Handover
	// Kinds, if set, are the only ones that are read, besides custom resources.
	Kinds []string
	// AnyOrder has several kinds read at the same time, with Handed: who takes them wants no order.
	AnyOrder bool
	// Custom are the CustomResourceDefinitions whose objects are read as well.
	Custom []facts.CRD
	// Unrecognized is given containers that are in no workload. With it, objects of every kind whose schema has init
	// containers are read; without, those that are known to have a pod template.
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
	at := 1
	if q.AnyOrder {
		at, take = listConcurrency, q.Handed.oneByOne(take)
	}
	lists := slices.DeleteFunc(c.workloadLists(q, take), func(l workloadList) bool { return q.leavesOut(l) })
	each(at, len(lists), func(i int) { c.readWorkloads(ctx, lists[i]) })
	slices.SortStableFunc(c.snapshot.Gaps, func(a, b facts.Gap) int {
		return cmp.Or(cmp.Compare(rank(a.Kind), rank(b.Kind)), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Reason, b.Reason))
	})
	if broken := c.broken.get(); broken != nil {
		return nil, c.ledger, broken
	}
	return c.snapshot.Gaps, c.ledger, nil
}

// listConcurrency is how many kinds of workloads are read at once.
const listConcurrency = 4

// leavesOut reports whether a kind is not asked for, or was handed over already.
func (q WorkloadQuery) leavesOut(l workloadList) bool {
	builtIn := l.fact != facts.CustomWorkloads
	return q.Kind != "" && q.Kind != l.kind || q.Kinds != nil && builtIn && !slices.Contains(q.Kinds, l.kind) ||
		q.Handed != nil && slices.Contains(q.Handed.Whole(), l.kind)
}

func (c *collector) readWorkloads(ctx context.Context, l workloadList) {
	c.step("workloads", 0, 0)
	right := l.right("list")
	if c.mayNotListWorkloads(ctx, right, whole) {
		return
	}
	if err := l.read(ctx); err != nil {
		c.failed(ctx, right, whole, err)
	}
}

// A workloadList is one kind of workload, and how it is read.
type workloadList struct {
	group, resource, kind string
	fact                  facts.Kind
	read                  func(context.Context) error
}

func (l workloadList) right(verb string) Rule {
	return Rule{PolicyRule: rule(verb, l.group, l.resource), Kind: l.fact, Why: "see the pod templates of workloads"}
}

// WorkloadRules are the rights that [Workloads] needs for the built-in kinds.
func WorkloadRules() []Rule { return builtinRules("list") }

// ObjectRules are the rights to see single objects with pods, of the built-in kinds.
func ObjectRules() []Rule {
	return append(builtinRules("get"), workloadList{resource: "pods", fact: facts.Pods}.right("get"))
}

func builtinRules(verb string) []Rule {
	var out []Rule
	for _, l := range (&collector{client: &kubernetes.Clientset{}}).workloadLists(WorkloadQuery{}, nil) {
		out = append(out, l.right(verb))
	}
	return out
}

// CustomWorkloadRules is the right that [Workloads] needs for a custom resource.
func CustomWorkloadRules(verb, group, resource string) []Rule {
	return []Rule{workloadList{group: group, resource: resource, fact: facts.CustomWorkloads}.right(verb)}
}

func (c *collector) workloadLists(q WorkloadQuery, take TakeWorkload) []workloadList {
	ns, apps, batch, core := q.Namespace, c.client.AppsV1(), c.client.BatchV1(), c.client.CoreV1()
	out := []workloadList{
		listOfKind(c, q, cronJobsKind, batch.CronJobs(ns).List, take),
		listOfKind(c, q, jobsKind, batch.Jobs(ns).List, take),
		listOfKind(c, q, deploymentsKind, apps.Deployments(ns).List, take),
		listOfKind(c, q, statefulSetsKind, apps.StatefulSets(ns).List, take),
		listOfKind(c, q, daemonSetsKind, apps.DaemonSets(ns).List, take),
		{"apps", "replicasets", "ReplicaSet", facts.ReplicaSets, func(ctx context.Context) error { return c.bareReplicaSets(ctx, q, take) }},
		listOfKind(c, q, replicationControllersKind, core.ReplicationControllers(ns).List, take),
		listOfKind(c, q, podTemplatesKind, core.PodTemplates(ns).List, take),
	}
	for _, d := range q.Custom {
		if l, ok := c.customList(d, q.Unrecognized, take); ok {
			out = append(out, l)
		}
	}
	return out
}

// listOfKind reads one kind: list is the client's method.
func listOfKind[L metav1.ListInterface, T any](c *collector, q WorkloadQuery, k typedKind[L, T], list func(context.Context, metav1.ListOptions) (L, error), take TakeWorkload) workloadList {
	group, _, found := strings.Cut(k.apiVersion, "/")
	if !found {
		group = ""
	}
	return workloadList{group, k.resource, k.kind, k.fact, func(ctx context.Context) error {
		each := q.Handed
		if each == nil {
			each = NewHandover(take) // a list that starts over hands over again
		}
		return c.pages(ctx, func(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
			page, err := list(ctx, q.options(opts))
			if err != nil {
				return nil, err
			}
			all := k.items(page)
			for i := range all {
				meta, spec, object := k.template(&all[i])
				each.give(k.apiVersion, k.kind, meta, spec, object)
			}
			return page, nil
		}, func() {})
	}}
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
		err := c.listObjects(ctx, apiVersion, c.opts.Namespace, resource, func(object map[string]any) {
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
