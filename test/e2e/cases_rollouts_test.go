package e2e

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// rollOut does for Rollouts what their controller would: it makes a ReplicaSet of each template.
func (st *stage) rollOut(namespace string) {
	client, err := dynamic.NewForConfig(st.cluster.Config())
	if err != nil {
		return
	}
	rollouts := client.Resource(schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"})
	sets := client.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"})
	for made := 0; made == 0 && st.ctx.Err() == nil; time.Sleep(time.Second) {
		list, err := rollouts.Namespace(namespace).List(st.ctx, metav1.ListOptions{})
		if err != nil {
			continue
		}
		for _, rollout := range list.Items {
			set := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": rollout.Object["spec"],
			}}
			set.SetName(rollout.GetName())
			set.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(&rollout, rollout.GroupVersionKind())})
			if _, err := sets.Namespace(namespace).Create(st.ctx, set, metav1.CreateOptions{FieldManager: "rollouts-controller"}); err == nil {
				made++
			}
		}
	}
}
