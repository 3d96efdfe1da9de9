package pods

import (
	"fmt"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// before is a time before noon.
func before(d time.Duration) metav1.Time { return metav1.NewTime(noon.Add(-d)) }

func running(name string, since time.Duration) corev1.ContainerStatus {
	on := true
	return corev1.ContainerStatus{Name: name, Ready: true, Started: &on, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: before(since)}}}
}

func waiting(name, reason string) corev1.ContainerStatus {
	off := false
	return corev1.ContainerStatus{Name: name, Started: &off, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

func ended(name string, code int32, ago time.Duration) corev1.ContainerStatus {
	off := false
	return corev1.ContainerStatus{Name: name, Started: &off, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: map[bool]string{true: "Completed", false: "Error"}[code == 0], StartedAt: before(ago + time.Minute), FinishedAt: before(ago),
	}}}
}

// restarted is a container that has been restarted, and has run since.
func restarted(s corev1.ContainerStatus, times, code int32, ago time.Duration) corev1.ContainerStatus {
	s.RestartCount = times
	s.LastTerminationState = corev1.ContainerState{Terminated: ended("", code, ago).State.Terminated}
	return s
}

// shape is a healthy pod: a proxy, a main container, and what makes it special.
func shape(age time.Duration, phase corev1.PodPhase, change func(p *corev1.Pod)) corev1.Pod {
	always := corev1.ContainerRestartPolicyAlways
	p := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", CreationTimestamp: before(age)},
		Spec: corev1.PodSpec{
			NodeName: "node-1", RestartPolicy: corev1.RestartPolicyAlways,
			InitContainers: []corev1.Container{{Name: "proxy", Image: "envoy:1", RestartPolicy: &always, Ports: []corev1.ContainerPort{{ContainerPort: 15001}},
				StartupProbe: &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 60}}},
			Containers: []corev1.Container{{Name: "main", Image: "main:1"}},
		},
		Status: corev1.PodStatus{
			Phase:                 phase,
			InitContainerStatuses: []corev1.ContainerStatus{running("proxy", age)},
			ContainerStatuses:     []corev1.ContainerStatus{running("main", age)},
		},
	}
	change(&p)
	if p.Status.Conditions == nil && phase == corev1.PodRunning {
		ready := corev1.ConditionTrue
		for _, s := range append(p.Status.InitContainerStatuses, p.Status.ContainerStatuses...) {
			if done := s.State.Terminated != nil && s.State.Terminated.ExitCode == 0; !s.Ready && !done {
				ready = corev1.ConditionFalse
			}
		}
		for _, s := range p.Status.ContainerStatuses {
			if s.State.Running == nil {
				ready = corev1.ConditionFalse
			}
		}
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	}
	return p
}

func statuses(inits, mains []corev1.ContainerStatus) func(p *corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.InitContainerStatuses, p.Status.ContainerStatuses = inits, mains }
}

type list = []corev1.ContainerStatus

// healthyShapes are pods that are fine, or too young to tell.
var healthyShapes = map[string]corev1.Pod{
	"runs":                  shape(time.Hour, corev1.PodRunning, func(*corev1.Pod) {}),
	"job done":              shape(time.Hour, corev1.PodSucceeded, succeeded(list{ended("proxy", 0, time.Minute)}, list{ended("main", 0, 2*time.Minute)})),
	"job done, 137":         shape(time.Hour, corev1.PodSucceeded, succeeded(list{ended("proxy", 137, time.Minute)}, list{ended("main", 0, 2*time.Minute)})),
	"job done, 143":         shape(time.Hour, corev1.PodSucceeded, succeeded(list{ended("proxy", 143, time.Minute)}, list{ended("main", 0, 2*time.Minute)})),
	"restarts in the past":  shape(48*time.Hour, corev1.PodRunning, statuses(list{restarted(running("proxy", time.Hour), 9, 1, time.Hour)}, list{restarted(running("main", time.Hour), 4, 137, time.Hour)})),
	"one restart just now":  shape(48*time.Hour, corev1.PodRunning, statuses(list{restarted(running("proxy", time.Minute), 1, 1, time.Minute)}, list{running("main", time.Hour)})),
	"main restarted late":   shape(48*time.Hour, corev1.PodRunning, statuses(list{running("proxy", 48*time.Hour)}, list{restarted(running("main", time.Minute), 1, 1, time.Minute)})),
	"no node yet":           shape(2*time.Second, corev1.PodPending, func(p *corev1.Pod) { p.Spec.NodeName, p.Status = "", corev1.PodStatus{Phase: corev1.PodPending} }),
	"just bound":            shape(4*time.Second, corev1.PodPending, func(p *corev1.Pod) { p.Status = corev1.PodStatus{Phase: corev1.PodPending} }),
	"containers created":    shape(8*time.Second, corev1.PodPending, statuses(list{waiting("proxy", "PodInitializing")}, list{waiting("main", "PodInitializing")})),
	"pulls for minutes":     shape(4*time.Minute, corev1.PodPending, statuses(list{waiting("proxy", "PodInitializing")}, list{waiting("main", "PodInitializing")})),
	"probe not yet":         shape(20*time.Second, corev1.PodPending, func(p *corev1.Pod) { notStarted(p, 15*time.Second) }),
	"probe within its time": shape(2*time.Minute, corev1.PodPending, func(p *corev1.Pod) { notStarted(p, 55*time.Second) }),
	"unready for a moment": shape(20*time.Second, corev1.PodRunning, func(p *corev1.Pod) {
		p.Status.InitContainerStatuses[0].Ready = false
		p.Spec.InitContainers[0].ReadinessProbe = &corev1.Probe{}
		p.Status.InitContainerStatuses[0].State.Running.StartedAt = before(10 * time.Second)
	}),
	"migration": shape(5*time.Minute, corev1.PodPending, func(p *corev1.Pod) {
		plainInit(p, corev1.Container{Name: "migrate", Image: "shop:1", Command: []string{"migrate"}}, 4*time.Minute)
	}),
	"young server": shape(25*time.Second, corev1.PodPending, func(p *corev1.Pod) { plainInit(p, corev1.Container{Name: "envoy", Image: "envoy:1"}, 20*time.Second) }),
	"a word in a command": shape(4*time.Minute, corev1.PodPending, func(p *corev1.Pod) {
		plainInit(p, corev1.Container{Name: "restore", Image: "db:1", Command: []string{"pg_restore", "--port", "5432"}}, 4*time.Minute)
	}),
	"an init container that serves itself": shape(5*time.Minute, corev1.PodPending, func(p *corev1.Pod) {
		plainInit(p, corev1.Container{Name: "seed", Image: "db:1", Command: []string{"sh", "-c", "start-db && psql -h localhost:15001 -f seed.sql"}}, 4*time.Minute)
	}),
	"a proxy starts while main fails for its own reasons": shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		p.Spec.InitContainers, p.Status.InitContainerStatuses = nil, nil
		p.Spec.Containers = []corev1.Container{{Name: "main", Image: "main:1"}, {Name: "envoy", Image: "envoy:1"}}
		p.Status.ContainerStatuses = list{restarted(running("main", 50*time.Minute), 1, 1, 55*time.Minute), running("envoy", time.Hour)}
	}),
	"a regular sidecar restarted in the past": shape(48*time.Hour, corev1.PodRunning, beside(
		corev1.Container{Name: "envoy", Image: "envoy:1", LivenessProbe: &corev1.Probe{}}, restarted(running("envoy", time.Hour), 9, 143, time.Hour))),
	"a regular sidecar restarted twice": shape(48*time.Hour, corev1.PodRunning, beside(
		corev1.Container{Name: "metrics-agent", Image: "agent:1"}, restarted(running("metrics-agent", time.Minute), 2, 137, time.Minute))),
	"a mount died, and main was restarted since": shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		p.Spec.InitContainers[0].Image = "gcs-fuse-csi-driver-sidecar-mounter:1"
		main := restarted(running("main", 20*time.Minute), 1, 1, 20*time.Minute)
		main.LastTerminationState.Terminated.Message = "/data: Transport endpoint is not connected"
		p.Status.ContainerStatuses = list{main}
	}),
	"being deleted": shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		deleted, grace := before(-20*time.Second), int64(30)
		p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &deleted, &grace
	}),
	"being deleted, main gone": shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		deleted, grace := before(-20*time.Second), int64(30)
		p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &deleted, &grace
		p.Status.ContainerStatuses = list{ended("main", 0, 5*time.Second)}
	}),
	"two workers": shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		p.Spec.InitContainers, p.Spec.RestartPolicy = nil, corev1.RestartPolicyNever
		p.Spec.Containers = []corev1.Container{{Name: "one", Image: "w:1"}, {Name: "two", Image: "w:1"}}
		p.Status.InitContainerStatuses, p.Status.ContainerStatuses = nil, list{ended("one", 0, 4*time.Minute), running("two", time.Hour)}
	}),
	"main done a moment ago": shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		p.Spec.InitContainers, p.Spec.RestartPolicy = nil, corev1.RestartPolicyNever
		p.Spec.Containers = []corev1.Container{{Name: "main", Image: "w:1"}, {Name: "envoy", Image: "envoy:1"}}
		p.Status.InitContainerStatuses, p.Status.ContainerStatuses = nil, list{ended("main", 0, 4*time.Second), running("envoy", time.Hour)}
	}),
	"job done, its restarted sidecar is stopped": shape(time.Minute, corev1.PodRunning, workDone(restarted(ended("proxy", 143, time.Second), 1, 137, 50*time.Second))),
	"job done, its restarted sidecar is killed":  shape(time.Minute, corev1.PodRunning, workDone(restarted(ended("proxy", 137, time.Second), 3, 137, 50*time.Second))),
	"job done, its restarted sidecar stops":      shape(time.Minute, corev1.PodRunning, workDone(restarted(running("proxy", 30*time.Second), 3, 137, 31*time.Second))),
	"job done, its sidecar is unready":           shape(time.Minute, corev1.PodRunning, workDone(unreadyStatus(running("proxy", time.Minute)))),
	"no sidecar":                                 shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) { p.Spec.InitContainers, p.Status.InitContainerStatuses = nil, nil }),
	"setup then proxy": shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		p.Spec.InitContainers = append([]corev1.Container{{Name: "setup", Image: "setup:1"}}, p.Spec.InitContainers...)
		p.Status.InitContainerStatuses = append(list{ended("setup", 0, time.Hour)}, p.Status.InitContainerStatuses...)
	}),
	"failed, and its Job is done": shape(time.Hour, corev1.PodFailed, statuses(list{ended("proxy", 137, 50*time.Minute)}, list{ended("main", 1, 51*time.Minute)})),
	"evicted":                     shape(time.Hour, corev1.PodFailed, func(p *corev1.Pod) { p.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"} }),
}

// succeeded is a pod that may: with restartPolicy Always none does.
func succeeded(inits, mains list) func(p *corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.RestartPolicy = corev1.RestartPolicyNever
		statuses(inits, mains)(p)
	}
}

// beside is a pod with a regular container beside main, and no native sidecar.
func beside(c corev1.Container, status corev1.ContainerStatus) func(p *corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.InitContainers, p.Status.InitContainerStatuses = nil, nil
		p.Spec.Containers = append(p.Spec.Containers, c)
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, status)
	}
}

// workDone is a pod of a Job whose regular container has just exited, and whose sidecar is stopped.
func workDone(sidecar corev1.ContainerStatus) func(p *corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
		p.Spec.InitContainers[0].ReadinessProbe = &corev1.Probe{}
		statuses(list{sidecar}, list{ended("main", 0, 2*time.Second)})(p)
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionFalse, LastTransitionTime: before(50 * time.Second)}}
	}
}

func unreadyStatus(s corev1.ContainerStatus) corev1.ContainerStatus {
	s.Ready = false
	return s
}

func notStarted(p *corev1.Pod, since time.Duration) {
	off := false
	c := running("proxy", since)
	c.Started, c.Ready = &off, false
	p.Status.InitContainerStatuses, p.Status.ContainerStatuses = list{c}, list{waiting("main", "PodInitializing")}
}

func plainInit(p *corev1.Pod, c corev1.Container, since time.Duration) {
	status := running(c.Name, since)
	status.Ready = false
	p.Spec.InitContainers = append([]corev1.Container{c}, p.Spec.InitContainers...)
	p.Status.InitContainerStatuses = list{status, waiting("proxy", "PodInitializing")}
	p.Status.ContainerStatuses = list{waiting("main", "PodInitializing")}
}

// TestHealthy puts all shapes into one cluster, several times and under Jobs: no finding, no
// diagnosis, and nothing that could not be told.
func TestHealthy(t *testing.T) {
	yes := true
	s := &facts.Snapshot{TakenAt: metav1.NewTime(noon), Seen: facts.Kinds()}
	s.Nodes = []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}}}
	s.Nodes[0].Status.NodeInfo.KubeletVersion = "v1.34.4"
	s.Jobs = []batchv1.Job{{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "job"}, Status: batchv1.JobStatus{Succeeded: 1}}}
	for name, p := range healthyShapes {
		for i := range 8 { // more than 200 pods
			copied := p.DeepCopy()
			copied.Name = fmt.Sprintf("%s %d", name, i)
			if p.Spec.RestartPolicy == corev1.RestartPolicyNever || p.Status.Phase == corev1.PodFailed {
				copied.OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: "job", Controller: &yes}}
			}
			s.Pods = append(s.Pods, *copied)
		}
	}
	judged := Judge(s, nil)
	for _, r := range judged.Results {
		if r.Status() != checks.Pass {
			t.Errorf("%s: %s of healthy pods: %+v %+v", r.Check.ID, r.Status(), r.Outcome.Findings, r.Outcome.Missing)
		}
	}
	for _, d := range judged.Diagnoses {
		t.Errorf("%s: %s", d.Object.Name, d.Message)
	}
	t.Logf("%d pods", len(s.Pods))
}
