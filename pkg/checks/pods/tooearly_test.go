package pods

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// earlyPod is a failed pod of a Job: its main container exited with 1 after a second, next to a native sidecar without
// a startup probe.
func earlyPod(name string, change func(p *corev1.Pod)) corev1.Pod {
	yes := true
	p := shape(time.Hour, corev1.PodFailed, func(p *corev1.Pod) {
		p.Name, p.Spec.RestartPolicy, p.Spec.InitContainers[0].StartupProbe = name, corev1.RestartPolicyNever, nil
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: "job", UID: "u", Controller: &yes}}
		p.Status.InitContainerStatuses, p.Status.ContainerStatuses = list{ended("proxy", 0, 50*time.Second)}, list{ended("main", 1, time.Minute)}
		p.Status.ContainerStatuses[0].State.Terminated.StartedAt = before(time.Minute + time.Second)
	})
	change(&p)
	return p
}

// TestLogsToRead: a log costs a request, so it is one for each owner, and only where nothing else tells.
func TestLogsToRead(t *testing.T) {
	same := func(*corev1.Pod) {}
	for name, test := range map[string]struct {
		pods []corev1.Pod
		want int
	}{
		"a failed pod":        {[]corev1.Pod{earlyPod("a", same)}, 1},
		"two pods of one Job": {[]corev1.Pod{earlyPod("a", same), earlyPod("b", same)}, 1},
		"its message says it": {[]corev1.Pod{earlyPod("a", func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State.Terminated.Message = "dial tcp 127.0.0.1:15001: connect: connection refused"
		})}, 0},
		"the sidecar has a startup probe": {[]corev1.Pod{earlyPod("a", func(p *corev1.Pod) { p.Spec.InitContainers[0].StartupProbe = &corev1.Probe{} })}, 0},
		"nobody listens": {[]corev1.Pod{earlyPod("a", func(p *corev1.Pod) {
			p.Spec.InitContainers, p.Status.InitContainerStatuses = nil, nil
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "second", Image: "main:1"})
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, ended("second", 0, time.Minute))
		})}, 0},
		"succeeded": {[]corev1.Pod{earlyPod("a", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })}, 0},
		"a later pod has run for long": {[]corev1.Pod{earlyPod("a", same), earlyPod("b", func(p *corev1.Pod) {
			p.CreationTimestamp, p.Status.Phase = before(time.Minute), corev1.PodRunning
			p.Status.ContainerStatuses = list{running("main", shortRun)}
		})}, 0},
		"a later pod has just started": {[]corev1.Pod{earlyPod("a", same), earlyPod("b", func(p *corev1.Pod) {
			p.CreationTimestamp, p.Status.Phase = before(time.Minute), corev1.PodRunning
			p.Status.ContainerStatuses = list{running("main", shortRun-time.Second)}
		})}, 1},
		"an init container, before its proxy": {[]corev1.Pod{earlyPod("a", func(p *corev1.Pod) {
			plainInit(p, corev1.Container{Name: "migrate", Image: "shop:1"}, time.Minute)
			p.Status.Phase, p.Status.InitContainerStatuses[0] = corev1.PodPending, restarted(waiting("migrate", "CrashLoopBackOff"), 3, 1, 10*time.Second)
			p.Status.InitContainerStatuses[0].LastTerminationState.Terminated.StartedAt = before(11 * time.Second)
		})}, 1},
		"never started": {[]corev1.Pod{earlyPod("a", func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State.Terminated.StartedAt = metav1.Unix(0, 0)
		})}, 0},
	} {
		s := &facts.Snapshot{TakenAt: metav1.NewTime(noon), Seen: facts.Kinds(), Pods: test.pods}
		if got := Judge(s, nil).LogsToRead(); len(got) != test.want {
			t.Errorf("%s: %+v, want %d", name, got, test.want)
		}
	}
}
