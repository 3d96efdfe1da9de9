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
	if c := facts.PodConditionOf(p.Pod, corev1.PodResizePending); c != nil && c.Status == corev1.ConditionTrue && c.Reason == corev1.PodReasonInfeasible {
		return fmt.Sprintf("the change of its resources cannot be made on node %s, %s: %s", p.Spec.NodeName,
			ageOf(p.s.Snapshot, c.LastTransitionTime).words(), prose.Clause(c.Message))
	}
	if c := facts.PodConditionOf(p.Pod, corev1.PodResizeInProgress); c != nil && c.Status == corev1.ConditionTrue && c.Reason == corev1.PodReasonError {
		return fmt.Sprintf("the change of its resources fails on node %s, %s: %s", p.Spec.NodeName,
			ageOf(p.s.Snapshot, c.LastTransitionTime).words(), prose.Clause(c.Message))
	}
	return ""
}
