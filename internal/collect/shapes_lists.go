package collect

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
)

// A templateList is one kind of object that has pod templates.
type templateList struct {
	right Rule
	page  templatePage
}

// A templatePage lists one page and appends its templates.
type templatePage func(context.Context, metav1.ListOptions, *[]admission.Template) (metav1.ListInterface, error)

// templateLists are all kinds that have pod templates, and the service accounts, which go into
// accounts by "namespace/name". Objects that belong to another one are left out: its owner has the
// same template.
func (c *collector) templateLists(accounts map[string]*corev1.ServiceAccount) []templateList {
	ns, apps, batch := c.opts.Namespace, c.client.AppsV1(), c.client.BatchV1()
	return []templateList{
		{shapeRules[0], listTemplates(c, deploymentsKind, apps.Deployments(ns).List)},
		{shapeRules[1], listTemplates(c, statefulSetsKind, apps.StatefulSets(ns).List)},
		{shapeRules[2], listTemplates(c, daemonSetsKind, apps.DaemonSets(ns).List)},
		{shapeRules[3], listTemplates(c, jobsKind, batch.Jobs(ns).List)},
		{shapeRules[4], listTemplates(c, cronJobsKind, batch.CronJobs(ns).List)},
		{listAccounts, c.listAccounts(ns, accounts)},
	}
}

// listTemplates lists one kind of object: list is the client's method. Who wants the workloads themselves gets them, too.
func listTemplates[L metav1.ListInterface, T any](c *collector, k typedKind[L, T], list func(context.Context, metav1.ListOptions) (L, error)) templatePage {
	return func(ctx context.Context, opts metav1.ListOptions, out *[]admission.Template) (metav1.ListInterface, error) {
		page, err := list(ctx, opts)
		if err != nil {
			return nil, err
		}
		all := k.items(page)
		for i := range all {
			meta, spec, object := k.template(&all[i])
			addTemplate(out, k.kind, meta, spec)
			if h := c.opts.Handover; h != nil {
				h.give(k.apiVersion, k.kind, meta, spec, object)
			}
		}
		if h := c.opts.Handover; h != nil && page.GetContinue() == "" {
			h.whole(k.kind)
		}
		return page, nil
	}
}

// listAccounts lists the service accounts, which have no templates, into accounts.
func (c *collector) listAccounts(namespace string, accounts map[string]*corev1.ServiceAccount) templatePage {
	return func(ctx context.Context, opts metav1.ListOptions, _ *[]admission.Template) (metav1.ListInterface, error) {
		list, err := c.client.CoreV1().ServiceAccounts(namespace).List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			accounts[list.Items[i].Namespace+"/"+list.Items[i].Name] = &list.Items[i]
		}
		return list, nil
	}
}

func addTemplate(out *[]admission.Template, kind string, owner *metav1.ObjectMeta, template *corev1.PodTemplateSpec) {
	if metav1.GetControllerOf(owner) != nil {
		return
	}
	*out = append(*out, admission.OfWorkload(kind, owner, template))
}

// withoutTemplate selects the pods that no template of the lists above shows: those do not have the labels that
// controllers add. It is answered from the API server's memory.
const (
	withoutTemplate = "!pod-template-hash,!controller-revision-hash,!job-name,!batch.kubernetes.io/job-name"
	unfinished      = "status.phase!=Succeeded,status.phase!=Failed"
)

// runningPods lists them, but for static pods, which no webhook can change.
func (c *collector) runningPods() templateList {
	return templateList{listRunning, func(ctx context.Context, opts metav1.ListOptions, out *[]admission.Template) (metav1.ListInterface, error) {
		opts.LabelSelector, opts.FieldSelector = withoutTemplate, unfinished
		if opts.Continue == "" {
			opts.ResourceVersion = "0"
		}
		page, err := c.client.CoreV1().Pods(c.opts.Namespace).List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			if p := &page.Items[i]; p.Annotations[corev1.MirrorPodAnnotationKey] == "" && p.DeletionTimestamp == nil {
				*out = append(*out, admission.OfRunning(p))
			}
		}
		return page, nil
	}}
}
