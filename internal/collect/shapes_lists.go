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
	// page lists one page and appends its templates.
	page func(context.Context, metav1.ListOptions, *[]admission.Template) (metav1.ListInterface, error)
}

// templateLists are all kinds that have pod templates, and the service accounts, which go into
// accounts by "namespace/name". Objects that belong to another one are left out: its owner has the
// same template.
func (c *collector) templateLists(accounts map[string]*corev1.ServiceAccount) []templateList {
	ns, apps, batch := c.opts.Namespace, c.client.AppsV1(), c.client.BatchV1()
	return []templateList{
		{shapeRules[0], func(ctx context.Context, opts metav1.ListOptions, out *[]admission.Template) (metav1.ListInterface, error) {
			list, err := apps.Deployments(ns).List(ctx, opts)
			if err != nil {
				return nil, err
			}
			for i := range list.Items {
				addTemplate(out, "Deployment", &list.Items[i].ObjectMeta, &list.Items[i].Spec.Template)
			}
			return list, nil
		}},
		{shapeRules[1], func(ctx context.Context, opts metav1.ListOptions, out *[]admission.Template) (metav1.ListInterface, error) {
			list, err := apps.StatefulSets(ns).List(ctx, opts)
			if err != nil {
				return nil, err
			}
			for i := range list.Items {
				addTemplate(out, "StatefulSet", &list.Items[i].ObjectMeta, &list.Items[i].Spec.Template)
			}
			return list, nil
		}},
		{shapeRules[2], func(ctx context.Context, opts metav1.ListOptions, out *[]admission.Template) (metav1.ListInterface, error) {
			list, err := apps.DaemonSets(ns).List(ctx, opts)
			if err != nil {
				return nil, err
			}
			for i := range list.Items {
				addTemplate(out, "DaemonSet", &list.Items[i].ObjectMeta, &list.Items[i].Spec.Template)
			}
			return list, nil
		}},
		{shapeRules[3], func(ctx context.Context, opts metav1.ListOptions, out *[]admission.Template) (metav1.ListInterface, error) {
			list, err := batch.Jobs(ns).List(ctx, opts)
			if err != nil {
				return nil, err
			}
			for i := range list.Items {
				addTemplate(out, "Job", &list.Items[i].ObjectMeta, &list.Items[i].Spec.Template)
			}
			return list, nil
		}},
		{shapeRules[4], func(ctx context.Context, opts metav1.ListOptions, out *[]admission.Template) (metav1.ListInterface, error) {
			list, err := batch.CronJobs(ns).List(ctx, opts)
			if err != nil {
				return nil, err
			}
			for i := range list.Items {
				addTemplate(out, "CronJob", &list.Items[i].ObjectMeta, &list.Items[i].Spec.JobTemplate.Spec.Template)
			}
			return list, nil
		}},
		{listAccounts, func(ctx context.Context, opts metav1.ListOptions, _ *[]admission.Template) (metav1.ListInterface, error) {
			list, err := c.client.CoreV1().ServiceAccounts(ns).List(ctx, opts)
			if err != nil {
				return nil, err
			}
			for i := range list.Items {
				accounts[list.Items[i].Namespace+"/"+list.Items[i].Name] = &list.Items[i]
			}
			return list, nil
		}},
	}
}

func addTemplate(out *[]admission.Template, kind string, owner *metav1.ObjectMeta, template *corev1.PodTemplateSpec) {
	if metav1.GetControllerOf(owner) != nil {
		return
	}
	*out = append(*out, admission.Template{
		Object: kind + " " + owner.Namespace + "/" + owner.Name, Namespace: owner.Namespace,
		Labels: template.Labels, Annotations: template.Annotations, Account: template.Spec.ServiceAccountName,
	})
}
