package collect

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
)

// One pod speaks for those of the same maker, and for no others: a webhook may look at values.
func TestLikeness(t *testing.T) {
	pod := func(kind, owner, name string, change func(*corev1.Pod)) *corev1.Pod {
		p := admission.Canary("shop")
		p.Name, p.GenerateName, p.Spec.NodeName = name, owner+"-", "node-of-"+name
		p.OwnerReferences = []metav1.OwnerReference{admission.ControllerRef("apps/v1", kind, owner, "uid")}
		p.Annotations = map[string]string{"inject": "no", "cni.example.com/podIP": "10.0.0." + name[len(name)-1:]}
		p.Labels["pod-template-hash"] = owner
		if kind == "DaemonSet" {
			p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: "In", Values: []string{p.Spec.NodeName}}},
			}}}}}
		}
		if change != nil {
			change(p)
		}
		return p
	}
	for _, test := range []struct {
		name string
		a, b *corev1.Pod
		same bool
	}{
		{"of one ReplicaSet", pod("ReplicaSet", "web-5c689d88bb", "web-5c689d88bb-x7k21", nil), pod("ReplicaSet", "web-5c689d88bb", "web-5c689d88bb-9bqz2", nil), true},
		{"of one StatefulSet", pod("StatefulSet", "db", "db-0", func(p *corev1.Pod) { p.Spec.Hostname = "db-0" }), pod("StatefulSet", "db", "db-1", func(p *corev1.Pod) { p.Spec.Hostname = "db-1" }), true},
		{"of one DaemonSet", pod("DaemonSet", "agent", "agent-abcd1", nil), pod("DaemonSet", "agent", "agent-wxyz2", nil), true},
		{"the value of an annotation", pod("ReplicaSet", "web", "web-1", nil), pod("ReplicaSet", "web", "web-2", func(p *corev1.Pod) { p.Annotations["inject"] = "yes" }), false},
		{"the value of a label", pod("ReplicaSet", "web", "web-1", nil), pod("ReplicaSet", "web", "web-2", func(p *corev1.Pod) { p.Labels["tier"] = "front" }), false},
		{"an environment variable", pod("ReplicaSet", "web", "web-1", nil), pod("ReplicaSet", "web", "web-2", func(p *corev1.Pod) {
			p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "MODE", Value: "wet"}}
		}), false},
		{"the kind of their owner", pod("ReplicaSet", "web", "web-1", nil), pod("Rollout", "web", "web-2", nil), false},
	} {
		if same := slices.Equal(likeness(test.a), likeness(test.b)); same != test.same {
			t.Errorf("%s: alike %t, want %t", test.name, same, test.same)
		}
	}
}
