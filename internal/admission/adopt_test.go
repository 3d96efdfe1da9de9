package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestMadeUpOwner(t *testing.T) {
	of := func(kind string) *corev1.Pod {
		template := OfWorkload(kind, &metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "1"}, &corev1.PodTemplateSpec{})
		return template.Canary()
	}
	for _, test := range []struct {
		pod          *corev1.Pod
		owner, whose string
	}{
		{of("Deployment"), "web-7d9c5b6f48", "web"},
		{of("CronJob"), "web-29000000", "web"},
		{of("StatefulSet"), "", ""},
		{of("Job"), "", ""},
		{OwnedCanary("shop", true), "kubectl-sidecar-canary-7d9c5b6f48", ""},
		{Canary("shop"), "", ""},
	} {
		name := ""
		owner, whose := MadeUpOwner(test.pod)
		if owner != nil {
			name = owner.Name
		}
		if name != test.owner || whose != test.whose {
			t.Errorf("%s: %q of %q", test.pod.GenerateName, name, whose)
		}
	}
}

// A pod of another owner has its name, and the labels that its controller gives it.
func TestAdopted(t *testing.T) {
	for kind, by := range map[string]*metav1.ObjectMeta{
		"Deployment": {Namespace: "shop", Name: "web-5d4", UID: "2", Labels: map[string]string{"pod-template-hash": "5d4"}},
		"CronJob":    {Namespace: "shop", Name: "web-1", UID: "2"},
	} {
		template := OfWorkload(kind, &metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "1"}, &corev1.PodTemplateSpec{})
		before := template.Canary()
		got := Adopted(before, by)
		want := before.DeepCopy()
		want.OwnerReferences[0].Name, want.OwnerReferences[0].UID, want.GenerateName = by.Name, "2", by.Name+"-"
		if kind == "Deployment" {
			want.Labels["pod-template-hash"] = "5d4"
		} else {
			want.Labels["job-name"], want.Labels["batch.kubernetes.io/job-name"] = by.Name, by.Name
			want.Labels["controller-uid"], want.Labels["batch.kubernetes.io/controller-uid"] = "2", "2"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
		if diff := cmp.Diff(template.Canary(), before); diff != "" {
			t.Errorf("%s: the canary was changed: %s", kind, diff)
		}
	}
}
