package pods

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// resizeFails says that the resources of a pod were changed in place (1.33 and newer) and that its node cannot do it; ""
// when that is not so. One that is deferred is done when the node has room.
func (p subject) resizeFails() string {
	for _, r := range resizeFailures {
		if c := facts.PodConditionOf(p.Pod, r.condition); c != nil && c.Status == corev1.ConditionTrue && c.Reason == r.reason {
			return fmt.Sprintf("the change of its resources %s on node %s, %s: %s", r.fails, p.Spec.NodeName,
				ageOf(p.s.Snapshot, c.LastTransitionTime).words(), prose.Clause(c.Message))
		}
	}
	return ""
}

var resizeFailures = []struct {
	condition     corev1.PodConditionType
	reason, fails string
}{
	{corev1.PodResizePending, corev1.PodReasonInfeasible, "cannot be made"},
	{corev1.PodResizeInProgress, corev1.PodReasonError, "fails"},
}
