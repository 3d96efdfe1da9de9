package admission

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MadeUpOwner is the owner of a canary that is yet to come: the next ReplicaSet of a Deployment, or the next Job of a
// CronJob. whose is the name of that; empty for a plain canary, which is anybody's. It is nil where every owner exists.
func MadeUpOwner(pod *corev1.Pod) (owner *metav1.OwnerReference, whose string) {
	for i := range pod.OwnerReferences {
		o := &pod.OwnerReferences[i]
		for _, end := range []string{madeUpHash, madeUpTime} {
			of, ok := strings.CutSuffix(o.Name, "-"+end)
			if o.UID != madeUpUID || !ok {
				continue
			}
			if of+"-" == CanaryPrefix {
				of = ""
			}
			return o, of
		}
	}
	return nil, ""
}

// Adopted is the canary as a pod of an owner that exists, in place of the one that is made up.
func Adopted(pod *corev1.Pod, by metav1.Object) *corev1.Pod {
	out := pod.DeepCopy()
	owner, _ := MadeUpOwner(out)
	owner.Name, owner.UID = by.GetName(), by.GetUID()
	out.GenerateName, out.Namespace = by.GetName()+"-", by.GetNamespace()
	for _, own := range []struct{ label, value string }{
		{"pod-template-hash", by.GetLabels()["pod-template-hash"]},
		{"job-name", by.GetName()}, {"batch.kubernetes.io/job-name", by.GetName()},
		{"controller-uid", string(by.GetUID())}, {"batch.kubernetes.io/controller-uid", string(by.GetUID())},
	} {
		if _, has := out.Labels[own.label]; has {
			out.Labels[own.label] = own.value
		}
	}
	return out
}
