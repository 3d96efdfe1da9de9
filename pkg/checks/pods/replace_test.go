package pods

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestRecreate: what deletes a pod also sees to it that there is one again, and says what goes with it.
func TestRecreate(t *testing.T) {
	owner := func(api, kind string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: api, Kind: kind, Name: "o", Controller: ptr.To(true)}}
	}
	ran := []corev1.ContainerStatus{{Name: "main", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	for name, test := range map[string]struct {
		pod  corev1.Pod
		text string
		has  []string
		not  string
	}{
		"bare, never ran": {text: "Do it. It has no owner that would, so this deletes it and creates it again:", has: []string{"kubectl replace --force -f -"}, not: "timeout"},
		"bare": {
			pod:  corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: ran}},
			text: "Do it. It has no owner that would, so this deletes it, with what it has written outside of persistent volumes, and creates it again:",
			has:  []string{"kubectl replace --force -f -"},
		},
		"bare, slow to go": {
			pod:  corev1.Pod{Spec: corev1.PodSpec{TerminationGracePeriodSeconds: ptr.To[int64](600)}},
			text: "Do it. It has no owner that would, so this deletes it and creates it again:",
			has:  []string{"kubectl replace --force --timeout=660s -f -"},
		},
		"of a Job": {
			pod:  corev1.Pod{ObjectMeta: metav1.ObjectMeta{OwnerReferences: owner("batch/v1", "Job")}},
			text: "Do it. Its work runs again from the start, and the Job counts a failure (spec.backoffLimit):", has: []string{"kubectl delete pod p -n n"},
		},
		"of a ReplicaSet": {
			pod:  corev1.Pod{ObjectMeta: metav1.ObjectMeta{OwnerReferences: owner("apps/v1", "ReplicaSet")}, Status: corev1.PodStatus{ContainerStatuses: ran}},
			text: "Do it. This deletes it, with what it has written outside of persistent volumes:", has: []string{"kubectl delete pod p -n n"},
		},
	} {
		test.pod.Name, test.pod.Namespace = "p", "n"
		test.pod.Spec.Containers = []corev1.Container{{Name: "main"}}
		step := sceneOf(&facts.Snapshot{Pods: []corev1.Pod{test.pod}}).subjects()[0].recreateStep("Do it")
		if step.Text != test.text {
			t.Errorf("%s: %s", name, step.Text)
		}
		for _, has := range test.has {
			if !strings.Contains(step.Command, has) {
				t.Errorf("%s: %q is not in\n%s", name, has, step.Command)
			}
		}
		if test.not != "" && strings.Contains(step.Command, test.not) {
			t.Errorf("%s: %q is in\n%s", name, test.not, step.Command)
		}
	}
}
