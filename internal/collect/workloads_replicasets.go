package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	podtemplate "github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// mostReplicaSets is how many ReplicaSets without an owner are read, each by its name.
const mostReplicaSets = 50

// metadataOnly asks for the metadata of the objects of a list.
const metadataOnly = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

// bareReplicaSets reads the ReplicaSets that belong to nobody. Nearly all belong to a Deployment, and there are several
// for each: only the metadata of all is read, and then those that are left by their names.
func (c *collector) bareReplicaSets(ctx context.Context, q WorkloadQuery, take TakeWorkload) error {
	var bare []metav1.ObjectMeta
	err := c.pages(ctx, func(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
		opts = q.options(opts)
		req := c.client.Discovery().RESTClient().Get().AbsPath(resourcePath("apps/v1", q.Namespace, "replicasets")).
			SetHeader("Accept", metadataOnly).Param("limit", fmt.Sprint(opts.Limit))
		for key, value := range map[string]string{"continue": opts.Continue, "labelSelector": opts.LabelSelector, "fieldSelector": opts.FieldSelector} {
			if value != "" {
				req.Param(key, value)
			}
		}
		answer := req.Do(ctx)
		raw, err := answer.Raw()
		if err != nil {
			return nil, answer.Error()
		}
		var page struct {
			metav1.ListMeta `json:"metadata"`
			Items           []struct {
				Metadata struct {
					Name            string                  `json:"name"`
					Namespace       string                  `json:"namespace"`
					OwnerReferences []metav1.OwnerReference `json:"ownerReferences"`
				} `json:"metadata"`
			} `json:"items"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("read the list of replicasets: %w", err)
		}
		for _, item := range page.Items {
			meta := metav1.ObjectMeta{Namespace: item.Metadata.Namespace, Name: item.Metadata.Name, OwnerReferences: item.Metadata.OwnerReferences}
			if metav1.GetControllerOf(&meta) == nil {
				bare = append(bare, meta)
			}
		}
		return &page.ListMeta, nil
	}, func() { bare = nil })
	if err != nil {
		return err
	}
	all := len(bare)
	for _, meta := range bare[:min(all, mostReplicaSets)] {
		if err := c.replicaSet(ctx, meta, take); err != nil {
			return err
		}
	}
	if all > mostReplicaSets {
		return cutShort(fmt.Errorf("of those without an owner, %d are read", mostReplicaSets), mostReplicaSets, all)
	}
	return nil
}

// replicaSet reads one by a list, which needs no other right.
func (c *collector) replicaSet(ctx context.Context, meta metav1.ObjectMeta, take TakeWorkload) error {
	ctx, cancel := c.reading(ctx)
	defer cancel()
	list, err := c.client.AppsV1().ReplicaSets(meta.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + meta.Name})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list.Items, func(r appsv1.ReplicaSet) bool { return r.Name == meta.Name })
	if i >= 0 { // else it was deleted meanwhile
		r := &list.Items[i]
		take(podtemplate.OfTemplate("apps/v1", "ReplicaSet", &r.ObjectMeta, &r.Spec.Template), &r.ObjectMeta)
	}
	return nil
}
