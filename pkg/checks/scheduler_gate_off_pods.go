package checks

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// schedulerRefuses is the text of the NodeResourcesFit plugin, 1.28 to 1.36.
const schedulerRefuses = "Pod has a restartable init container and the SidecarContainers feature is disabled"

var podSchedulerGateOff = podCheck(Check{
	ID:    schedulerGateOff.ID,
	Title: "no pod waits for a node because kube-scheduler's gate is off",
	Needs: slices.Concat(witnessed, []facts.Kind{facts.ControlPlane}),
}, func(p subject) (*Finding, []facts.Gap) {
	text, evidence := p.unscheduled()
	if !strings.Contains(text, schedulerRefuses) {
		return nil, nil
	}
	f := &Finding{
		Message:  "kube-scheduler gives no node to a pod with a native sidecar: its SidecarContainers gate is off (the pod was created " + p.born().ago() + ")",
		Evidence: evidence,
		Fix:      gateFix(scheduler, process{}, p.s.Server),
	}
	for _, process := range having(staticPods(p.s.Snapshot, scheduler), GateOff) {
		f.Evidence = append(f.Evidence, process.evidence...)
		f.Fix = gateFix(scheduler, process, p.s.Server)
	}
	return f, nil
})

// unscheduled is why the scheduler has no node for the pod, from the condition or, where there is
// none, the newest event; "" when it has one.
func (p subject) unscheduled() (text string, evidence []string) {
	if p.Spec.NodeName != "" || p.finished() || p.deleting() {
		return "", nil
	}
	if c := p.condition(corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
		evidence = append(evidence, fmt.Sprintf("condition PodScheduled: False, reason %s, %s: %s", c.Reason, ageOf(p.s.Snapshot, c.LastTransitionTime).words(), oneLine(c.Message)))
		text = c.Message
	}
	events := p.events("FailedScheduling")
	if text == "" && len(events) > 0 {
		text = events[0].Message
	}
	return text, append(evidence, newest(p.s.Snapshot, events, 1)...)
}
