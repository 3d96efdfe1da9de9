package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// gate is the --feature-gates setting of a component that is given the gate explicitly.
func gate(on bool) map[string]bool { return map[string]bool{"SidecarContainers": on} }

// showStaticPods creates the Pod objects by which a kubeadm cluster shows its control plane. The
// components of the test cluster are plain processes, so that nobody else would. The pods name a
// node that does not exist: no kubelet may take them for its own.
func showStaticPods(t *testing.T, c *cluster.Cluster, parts map[string]cluster.Component) {
	t.Helper()
	for name, part := range parts {
		command := []string{name, "--bind-address=127.0.0.1"}
		for _, g := range slices.Sorted(maps.Keys(part.FeatureGates)) {
			command = append(command, fmt.Sprintf("--feature-gates=%s=%t", g, part.FeatureGates[g]))
		}
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: name + "-control-plane", Namespace: metav1.NamespaceSystem,
				Labels:      map[string]string{"component": name, "tier": "control-plane"},
				Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "0"},
			},
			Spec: corev1.PodSpec{
				NodeName:   "control-plane",
				Containers: []corev1.Container{{Name: name, Image: name + ":" + c.APIServers[0].GitVersion, Command: command}},
			},
		}
		ctx, client := context.Background(), c.Client().CoreV1().Pods(metav1.NamespaceSystem)
		made, err := client.Create(ctx, pod, metav1.CreateOptions{})
		if err != nil {
			t.Fatalf("showing %s: %v", name, err)
		}
		made.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		if _, err := client.UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
			t.Fatalf("showing %s: %v", name, err)
		}
	}
}
