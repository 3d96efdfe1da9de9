package facts

import (
	"cmp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// VirtualNode recognizes nodes that have no kubelet of their own, or one that cannot be asked:
// virtual-kubelet and its descendants, serverless offers, simulated nodes. kind names it for
// people.
func VirtualNode(n *corev1.Node) (kind string, ok bool) {
	switch {
	case n.Labels["eks.amazonaws.com/compute-type"] == "fargate":
		return "EKS Fargate", true
	case n.Labels["liqo.io/type"] == "virtual-node":
		return "Liqo virtual node", true
	case n.Labels["type"] == "kwok":
		return "kwok (simulated)", true
	}
	// Providers taint their nodes, with their name as the value.
	provider := n.Labels["virtual-kubelet.io/provider"]
	for _, t := range n.Spec.Taints {
		if t.Key == "virtual-kubelet.io/provider" {
			provider = cmp.Or(provider, t.Value, "unknown provider")
		}
	}
	version := n.Status.NodeInfo.KubeletVersion
	switch {
	case provider == "azure" || strings.Contains(version, "-vk-azure-aci"):
		return "Azure Container Instances (virtual-kubelet)", true
	case provider != "":
		return "virtual-kubelet (" + provider + ")", true
	case n.Labels["type"] == "virtual-kubelet", strings.Contains(version, "-vk-"):
		return "virtual-kubelet", true
	}
	return "", false
}

// NodeReady is the node's Ready condition; nil when it has none.
func NodeReady(n *corev1.Node) *corev1.NodeCondition {
	for i := range n.Status.Conditions {
		if n.Status.Conditions[i].Type == corev1.NodeReady {
			return &n.Status.Conditions[i]
		}
	}
	return nil
}

// TrimNode keeps what a check can use of a node: no annotations but [IgnoreAnnotation], no addresses,
// images or machine IDs.
func TrimNode(n *corev1.Node) corev1.Node {
	out := corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: n.Name, Labels: n.Labels, Annotations: keepIgnore(n.Annotations), CreationTimestamp: n.CreationTimestamp,
	}}
	out.Spec = corev1.NodeSpec{ProviderID: n.Spec.ProviderID, Unschedulable: n.Spec.Unschedulable, Taints: n.Spec.Taints}
	out.Status.NodeInfo = n.Status.NodeInfo
	out.Status.NodeInfo.MachineID, out.Status.NodeInfo.SystemUUID, out.Status.NodeInfo.BootID = "", "", ""
	out.Status.NodeInfo.Swap = nil
	if ready := NodeReady(n); ready != nil {
		out.Status.Conditions = []corev1.NodeCondition{*ready}
	}
	return withoutSecrets(out)
}

// TrimNamespace keeps a namespace's name, labels and [IgnoreAnnotation], and that it is being deleted.
func TrimNamespace(n *corev1.Namespace) corev1.Namespace {
	out := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: n.Labels, Annotations: keepIgnore(n.Annotations)}}
	if n.Status.Phase == corev1.NamespaceTerminating {
		out.Status.Phase = n.Status.Phase
	}
	return withoutSecrets(out)
}
