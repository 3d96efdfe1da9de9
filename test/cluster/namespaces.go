package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CreateNamespace creates a namespace and returns when it takes pods.
func (c *Cluster) CreateNamespace(ctx context.Context, namespace *corev1.Namespace) error {
	if _, err := c.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return err
	}
	return c.awaitAccounts(ctx, namespace.Name)
}

// awaitAccounts returns when namespaces have their service account: without it they take no pods, where
// there is a controller manager that will make it.
func (c *Cluster) awaitAccounts(ctx context.Context, namespaces ...string) error {
	if c.config.ControllerManager == nil {
		return nil
	}
	for _, namespace := range namespaces {
		err := poll(ctx, func() error {
			_, err := c.client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
			return err
		})
		if err != nil {
			return fmt.Errorf("the service account of namespace %s: %w", namespace, err)
		}
	}
	return nil
}
