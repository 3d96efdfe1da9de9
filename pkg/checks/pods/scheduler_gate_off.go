package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// schedulerRefuses is the text of the NodeResourcesFit plugin, 1.28 to 1.36.
const schedulerRefuses = "Pod has a restartable init container and the SidecarContainers feature is disabled"

var schedulerGateOff = podCheck(checks.Check{
	ID:    checks.SchedulerGateOff,
	Title: "kube-scheduler accepts pods with native sidecars",
	Uses:  slices.Concat(witnessed, []facts.Kind{facts.ControlPlane}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	text, evidence := p.unscheduled()
	if !strings.Contains(text, schedulerRefuses) {
		return nil, nil
	}
	f := &checks.Finding{
		Message:  "kube-scheduler does not schedule pods with native sidecars: its SidecarContainers gate is off (the pod was created " + p.born().ago() + ")",
		Evidence: evidence,
		Steps:    cluster.GateFix(cluster.Scheduler, cluster.Process{}, p.s.Server),
	}
	for _, process := range cluster.Having(cluster.StaticPods(p.s.Snapshot, cluster.Scheduler), gate.Off) {
		f.Evidence = append(f.Evidence, process.Evidence...)
		f.Steps = cluster.GateFix(cluster.Scheduler, process, p.s.Server)
	}
	return f, nil
})

// unscheduled is why the scheduler has no node for the pod, from the condition or, where there is
// none, the newest event; "" when it has one.
func (p subject) unscheduled() (text string, evidence []string) {
	if p.Spec.NodeName != "" || p.finished() || p.deleting() {
		return "", nil
	}
	if c := facts.PodConditionOf(p.Pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
		evidence = append(evidence, fmt.Sprintf("condition PodScheduled: False, reason %s, %s: %s", c.Reason, ageOf(p.s.Snapshot, c.LastTransitionTime).words(), prose.OneLine(c.Message)))
		text = c.Message
	}
	events := p.events("FailedScheduling")
	if text == "" && len(events) > 0 {
		text = events[0].Message
	}
	return text, append(evidence, newest(p.s.Snapshot, events, 1)...)
}
