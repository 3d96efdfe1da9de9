package admission

import (
	"regexp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// limit is how the LimitRanger says no (plugin/pkg/admission/limitranger).
var limit = regexp.MustCompile(`(minimum|maximum) (\S+) usage per (Container|Pod) is ([^,\]]+), but`)

// Fit changes the resources of the pod's containers to what a limit range asked for, as its refusal
// says, and reports whether there was anything to change.
func Fit(pod *corev1.Pod, refusal string) bool {
	changed := false
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
		setAll(pod.Spec.InitContainers, corev1.ResourceName(m[2]), q)
		setAll(pod.Spec.Containers, corev1.ResourceName(m[2]), q)
		changed = true
	}
	return changed
}

func setAll(containers []corev1.Container, name corev1.ResourceName, q resource.Quantity) {
	for i := range containers {
		containers[i].Resources.Requests[name] = q
		containers[i].Resources.Limits[name] = q
	}
}
