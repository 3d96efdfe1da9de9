package collect

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// controlPlane reads the flags of control plane static pods. Managed control planes show none.
func (c *collector) controlPlane(ctx context.Context) {
	if c.forbidden(ctx, listStaticPods, whole) {
		return
	}
	var pods []facts.ControlPlanePod
	err := c.pages(ctx, func(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
		opts.LabelSelector = staticPodLabel
		list, err := c.client.CoreV1().Pods(systemNamespace).List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if pod, ok := facts.StaticPod(&list.Items[i]); ok {
				pods = append(pods, pod)
			}
		}
		return list, nil
	}, func() { pods = nil })
	c.mu.Lock()
	c.snapshot.ControlPlane = pods
	c.mu.Unlock()
	if err != nil {
		c.failed(ctx, listStaticPods, whole, err)
	}
}
