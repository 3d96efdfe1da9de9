package admission

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// limit is how the LimitRanger says no (plugin/pkg/admission/limitranger).
var limit = pattern.New(`(minimum|maximum) (\S+) usage per (Container|Pod) is ([^,\]]+), but`)

// Fit changes the pod to what its refusal asks for, and reports whether there was anything to change: the
// resources of the canary's own containers to what a limit range says, those of a workload's to as good as
// nothing where a quota has no room for another pod, and what only who may change the owner can say of it.
func Fit(pod *corev1.Pod, refusal string) bool {
	changed := false
	switch {
	case strings.Contains(refusal, "exceeded quota"):
		inits := shrink(pod.Spec.InitContainers)
		changed = shrink(pod.Spec.Containers) || inits
	case strings.Contains(refusal, "cannot set blockOwnerDeletion"):
		for i := range pod.OwnerReferences {
			changed = changed || pod.OwnerReferences[i].BlockOwnerDeletion != nil
			pod.OwnerReferences[i].BlockOwnerDeletion = nil
		}
	case pod.Name != "" && strings.Contains(refusal, "already exists"):
		pod.GenerateName, pod.Name, changed = pod.Name+"-", "", true
	}
	for _, m := range limit.FindAllStringSubmatch(refusal, -1) {
		q, err := resource.ParseQuantity(m[4])
		if err != nil {
			continue
		}
		if m[1] == "maximum" && m[3] == "Pod" {
			// Init containers count as their maximum, sidecars add up: an equal share of all is enough.
			share := int64(len(pod.Spec.InitContainers) + len(pod.Spec.Containers))
			q = *resource.NewMilliQuantity(q.MilliValue()/share, q.Format)
		}
		inits := setAll(pod.Spec.InitContainers, corev1.ResourceName(m[2]), q)
		changed = setAll(pod.Spec.Containers, corev1.ResourceName(m[2]), q) || inits || changed
	}
	return changed
}

// setAll is about the canary's own containers: what a workload has it has on purpose.
func setAll(containers []corev1.Container, name corev1.ResourceName, q resource.Quantity) bool {
	changed := false
	for i := range containers {
		if strings.HasPrefix(containers[i].Name, ownContainers) {
			containers[i].Resources.Requests[name] = q
			containers[i].Resources.Limits[name] = q
			changed = true
		}
	}
	return changed
}

// ownContainers begins the names of a canary's containers.
const ownContainers = "canary-"

// shrink leaves a workload's containers next to nothing of what quotas are about, and reports whether they had
// more.
func shrink(containers []corev1.Container) bool {
	changed, little := false, canaryContainer("").Resources.Requests
	for i := range containers {
		if strings.HasPrefix(containers[i].Name, ownContainers) {
			continue
		}
		for _, list := range []corev1.ResourceList{containers[i].Resources.Requests, containers[i].Resources.Limits} {
			for name, q := range little {
				if has, ok := list[name]; ok && has.Cmp(q) > 0 {
					list[name], changed = q, true
				}
			}
		}
	}
	return changed
}
