package pods

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// judged is the root cause of what is wrong with a pod, "odd" when none is known, what it waits for when it is in
// progress, and "" when it is well.
func judged(p corev1.Pod, events ...corev1.Event) string {
	p.Name = "p"
	s := &facts.Snapshot{TakenAt: metav1.NewTime(noon), Seen: facts.Kinds(), Pods: []corev1.Pod{p}, Events: events}
	var out []string
	j := Judge(s, nil)
	for _, d := range j.Diagnoses {
		if d.RootCause == "" {
			d.RootCause = "odd"
		}
		out = append(out, d.RootCause)
	}
	for _, d := range j.InProgress {
		out = append(out, "waits for "+string(d.Progress.WaitsFor))
	}
	return strings.Join(out, " ")
}

// event is about the pod of judged, or one of its init containers.
func event(reason, message, init string, count int32, ago time.Duration) corev1.Event {
	e := corev1.Event{
		Reason: reason, Message: message, Count: count, LastTimestamp: before(ago),
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "n", Name: "p"},
	}
	if init != "" {
		e.InvolvedObject.FieldPath = "spec.initContainers{" + init + "}"
	}
	return e
}

func unscheduledPod(age time.Duration) corev1.Pod {
	return shape(age, corev1.PodPending, func(p *corev1.Pod) { p.Spec.NodeName, p.Status = "", corev1.PodStatus{Phase: corev1.PodPending} })
}

func unreadySidecar(since time.Duration) corev1.Pod {
	return shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		p.Spec.InitContainers[0].ReadinessProbe, p.Status.InitContainerStatuses[0].Ready = &corev1.Probe{}, false
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionFalse, LastTransitionTime: before(since)}}
	})
}

// racedPod has a container that exited so long after its proxy was started, and has run since.
func racedPod(apart time.Duration, restarts int32) corev1.Pod {
	return shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		p.Spec.InitContainers, p.Status.InitContainerStatuses = nil, nil
		p.Spec.Containers = []corev1.Container{{Name: "main", Image: "main:1"}, {Name: "envoy", Image: "envoy:1"}}
		p.Status.ContainerStatuses = list{restarted(running("main", time.Minute), restarts, 1, 2*time.Minute), running("envoy", 2*time.Minute+apart)}
		p.Status.ContainerStatuses[0].LastTerminationState.Terminated.StartedAt = before(2*time.Minute + time.Second)
	})
}

// heldPod has a container that exited so long ago, and another one that runs on.
func heldPod(name string, since time.Duration) corev1.Pod {
	return shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		p.Spec.InitContainers, p.Spec.RestartPolicy = nil, corev1.RestartPolicyNever
		p.Spec.Containers = []corev1.Container{{Name: "first", Image: "w:1"}, {Name: name, Image: "x:1"}}
		p.Status.InitContainerStatuses, p.Status.ContainerStatuses = nil, list{ended("first", 0, since), running(name, time.Hour)}
	})
}

// toldToStop is a heldPod whose first container tells the other one to stop.
func toldToStop(since time.Duration) corev1.Pod {
	p := heldPod("envoy", since)
	p.Spec.Containers[0].Command = []string{"sh", "-c", "work; curl -X POST localhost:9901/quitquitquit"}
	return p
}

func killedAfter(lasted time.Duration) corev1.Pod {
	return shape(time.Hour, corev1.PodPending, func(p *corev1.Pod) {
		notStarted(p, time.Second)
		s := restarted(p.Status.InitContainerStatuses[0], 1, 137, 10*time.Second)
		s.LastTerminationState.Terminated.StartedAt = before(10*time.Second + lasted)
		p.Status.InitContainerStatuses[0] = s
	})
}

// TestThresholds has a pod on either side of each line of patience.go.
func TestThresholds(t *testing.T) {
	for _, test := range []struct {
		name string
		// below and at are the two sides: the answer changes between them.
		below, at         corev1.Pod
		events            []corev1.Event
		wantBelow, wantAt string
	}{
		{
			name:  "hangTime: not started",
			below: shape(hangTime-time.Second, corev1.PodPending, statuses(list{waiting("proxy", "PodInitializing")}, list{waiting("main", "PodInitializing")})),
			at:    shape(hangTime, corev1.PodPending, statuses(list{waiting("proxy", "PodInitializing")}, list{waiting("main", "PodInitializing")})), wantBelow: "waits for kubelet", wantAt: "odd",
		},
		{name: "hangTime: not ready", below: unreadyMain(hangTime - time.Second), at: unreadyMain(hangTime), wantBelow: "waits for readiness", wantAt: "odd"},
		{name: "settle: no node", below: unscheduledPod(settle - time.Second), at: unscheduledPod(settle), wantBelow: "waits for scheduler", wantAt: "odd"},
		{
			name: "scaleUp: a node is coming", below: unscheduledPod(scaleUp - time.Second), at: unscheduledPod(scaleUp), wantBelow: "waits for scheduler", wantAt: "pod-unschedulable",
			events: []corev1.Event{event("FailedScheduling", "0/1 nodes are available", "", 1, 0), event("TriggeredScaleUp", "pod triggered scale-up", "", 1, 0)},
		},
		{name: "youngWithStrongSign", below: server("nginx", youngWithStrongSign-time.Second), at: server("nginx", youngWithStrongSign), wantBelow: "waits for init-container", wantAt: "init-container-never-exits"},
		{name: "youngWithWeakSign", below: server("serve", youngWithWeakSign-time.Second), at: server("serve", youngWithWeakSign), wantBelow: "waits for init-container", wantAt: "init-container-never-exits"},
		{name: "settle", below: unreadySidecar(settle - time.Second), at: unreadySidecar(settle), wantBelow: "waits for readiness", wantAt: "sidecar-not-ready"},
		{
			name: "quickly", below: unreadySidecar(quickly - time.Second), at: unreadySidecar(quickly), wantBelow: "waits for readiness", wantAt: "sidecar-not-ready",
			events: []corev1.Event{event("Unhealthy", "Readiness probe failed: no", "proxy", someFailures, 0)},
		},
		{
			name: "someFailures", below: unreadySidecar(settle - time.Second), at: unreadySidecar(settle), wantBelow: "waits for readiness", wantAt: "sidecar-not-ready",
			events: []corev1.Event{event("Unhealthy", "Readiness probe failed: no", "proxy", someFailures-1, 0)},
		},
		{name: "soonStopped", below: heldPod("envoy", soonStopped-time.Second), at: heldPod("envoy", soonStopped), wantBelow: "waits for container", wantAt: "job-held-by-sidecar"},
		{name: "settle: held, and told to stop", below: toldToStop(settle - time.Second), at: toldToStop(settle), wantBelow: "waits for container", wantAt: "job-held-by-sidecar"},
		{name: "hangTime: held", below: heldPod("second", hangTime-time.Second), at: heldPod("second", hangTime), wantBelow: "waits for container", wantAt: "job-held-by-sidecar"},
		{name: "recent", below: crashed(someRestarts, recent-time.Second), at: crashed(someRestarts, recent), wantBelow: "sidecar-crash-looping"},
		{name: "someRestarts", below: crashed(someRestarts-1, time.Minute), at: crashed(someRestarts, time.Minute), wantAt: "sidecar-crash-looping"},
		{name: "someRestarts: an init container", below: failingAgain(someRestarts-1, time.Second, time.Minute, 0), at: failingAgain(someRestarts, time.Second, time.Minute, 0), wantBelow: "waits for init-container", wantAt: "init-container-failing"},
		{name: "a mesh's validation", below: failingAgainAs("istio-validation", 125), at: failingAgainAs("istio-validation", 126), wantBelow: "waits for init-container", wantAt: "init-container-failing"},
		{name: "settle: it runs again", below: failingAgain(someRestarts, settle-time.Second, time.Minute, 0), at: failingAgain(someRestarts, settle, time.Minute, 0), wantBelow: "init-container-failing", wantAt: "waits for init-container"},
		{name: "recent: it runs again", below: failingAgain(someRestarts, time.Second, recent-time.Second, 0), at: failingAgain(someRestarts, time.Second, recent, 0), wantBelow: "init-container-failing", wantAt: "waits for init-container"},
		{
			name: "it runs again for as long as it took to fail", wantBelow: "init-container-failing", wantAt: "waits for init-container",
			below: failingAgain(someRestarts, time.Minute, 2*time.Minute, time.Minute), at: failingAgain(someRestarts, time.Minute+rounding, 2*time.Minute, time.Minute),
		},
		{name: "manyRestarts", below: cycling(manyRestarts-1, 30*time.Minute, 59*time.Minute), at: cycling(manyRestarts, 30*time.Minute, 59*time.Minute), wantAt: "sidecar-crash-looping"},
		{name: "frequently", below: cycling(manyRestarts, frequently, 59*time.Minute), at: cycling(manyRestarts, frequently+time.Second, 59*time.Minute), wantBelow: "sidecar-crash-looping"},
		{name: "twice as long as usual", below: cycling(manyRestarts, 30*time.Minute, time.Hour-time.Second), at: cycling(manyRestarts, 30*time.Minute, time.Hour), wantBelow: "sidecar-crash-looping"},
		{name: "quickly: up again", below: upAgain(1, quickly-time.Second, time.Minute, 0), at: upAgain(1, quickly, time.Minute, 0), wantBelow: "waits for restart"},
		{
			name: "up again for as long as the run before lasted", wantBelow: "waits for restart",
			below: upAgain(1, time.Minute, 2*time.Minute, time.Minute), at: upAgain(1, time.Minute+rounding, 2*time.Minute, time.Minute),
		},
		{
			name: "hangTime: the run before lasted for long", wantBelow: "waits for restart",
			below: upAgain(1, quickly, time.Minute, hangTime-rounding), at: upAgain(1, quickly, time.Minute, hangTime),
		},
		{name: "someRestarts: up again", below: upAgain(someRestarts-1, time.Second, time.Minute, 0), at: upAgain(someRestarts, time.Second, time.Minute, 0), wantBelow: "waits for restart", wantAt: "odd"},
		{name: "someRestarts: in its first minutes, up for longer than before", below: upInFirst(3*time.Minute, someRestarts-1, 30*time.Second), at: upInFirst(3*time.Minute, someRestarts, 30*time.Second), wantAt: "odd"},
		{name: "twice as long as usual: in its first minutes", below: upInFirst(4*time.Minute, someRestarts, 82*time.Second), at: upInFirst(4*time.Minute, someRestarts, 110*time.Second), wantBelow: "odd"},
		{name: "recent: up again", below: upAgain(someRestarts, time.Second, recent-time.Second, 0), at: upAgain(someRestarts, time.Second, recent, 0), wantBelow: "odd", wantAt: "waits for restart"},
		{name: "headStart", below: racedPod(headStart-time.Second, 1), at: racedPod(headStart, 1), wantBelow: "sidecar-start-race"},
		{name: "headStart is well below a minute", below: racedPod(10*time.Second, 1), at: racedPod(20*time.Second, 1), wantBelow: "sidecar-start-race"},
		{name: "fewRestarts", below: racedPod(time.Second, fewRestarts), at: racedPod(time.Second, fewRestarts+1), wantBelow: "sidecar-start-race"},
		{name: "patience: startup probe", below: slowProbe(patience - time.Second), at: slowProbe(patience), wantBelow: "waits for startup-probe", wantAt: "startup-probe-failing"},
		{name: "settle: no probe", below: neverStartedSidecar(settle - time.Second), at: neverStartedSidecar(settle), wantBelow: "waits for startup-probe", wantAt: "odd"},
		{
			name: "patience: pull", at: pulling(), wantAt: "odd",
			below: shape(time.Second, corev1.PodRunning, func(*corev1.Pod) {}), events: []corev1.Event{event("Pulling", "Pulling image", "proxy", 1, patience)},
		},
		{name: "rounding", below: killedAfter(60*time.Second - rounding - time.Second), at: killedAfter(60*time.Second - rounding), wantBelow: "waits for startup-probe", wantAt: "startup-probe-failing"},
		{
			name:  "soonest: asked to stop, and events are missing",
			below: killedAfter(59*time.Second - rounding - time.Second), at: killedAfter(59*time.Second - rounding), wantBelow: "waits for startup-probe", wantAt: "startup-probe-failing",
			events: []corev1.Event{event("Unhealthy", "Startup probe failed: no", "proxy", 20, 10*time.Minute)},
		},
		{name: "hangTime: at work", below: server("migrate", hangTime-time.Second), at: server("migrate", hangTime), wantBelow: "waits for init-container", wantAt: "odd"},
		{
			name: "firstTries", wantBelow: "waits for kubelet", wantAt: "volume-not-mounted", events: []corev1.Event{event("FailedMount", `MountVolume.SetUp failed for volume "v"`, "", 1, 0)},
			below: shape(firstTries-time.Second, corev1.PodPending, statuses(nil, nil)), at: shape(firstTries, corev1.PodPending, statuses(nil, nil)),
		},
	} {
		if got := judged(test.below, test.events...); got != test.wantBelow {
			t.Errorf("%s: just below: %q, want %q", test.name, got, test.wantBelow)
		}
		if got := judged(test.at, test.events...); got != test.wantAt {
			t.Errorf("%s: at: %q, want %q", test.name, got, test.wantAt)
		}
	}
	young := event("Pulling", "Pulling image", "proxy", 1, patience-time.Second)
	if got := judged(pulling(), young); got != "waits for image" {
		t.Errorf("an image that is being pulled: %q", got)
	}
}

func unreadyMain(since time.Duration) corev1.Pod {
	p := unreadySidecar(since)
	p.Status.InitContainerStatuses[0].Ready = true
	p.Spec.Containers[0].ReadinessProbe, p.Status.ContainerStatuses[0].Ready = &corev1.Probe{}, false
	return p
}

// server has a plain init container with a command that runs for some time.
func server(command string, since time.Duration) corev1.Pod {
	return shape(2*time.Hour, corev1.PodPending, func(p *corev1.Pod) {
		plainInit(p, corev1.Container{Name: "x", Image: "x:1", Command: []string{command}}, since)
	})
}

// crashed has a sidecar that was restarted so often, the last time so long ago.
func crashed(times int32, ago time.Duration) corev1.Pod {
	return shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		p.Status.InitContainerStatuses[0] = restarted(running("proxy", ago-time.Second), times, 1, ago)
		p.Status.InitContainerStatuses[0].LastTerminationState.Terminated.StartedAt = before(ago + time.Second)
	})
}

// upAgain has a regular container that has run since, was restarted so often, the last time so long ago, after a run
// that lasted so long.
func upAgain(restarts int32, since, exited, lasted time.Duration) corev1.Pod {
	return shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) {
		s := restarted(running("main", since), restarts, 1, exited)
		s.LastTerminationState.Terminated.StartedAt = before(exited + lasted)
		p.Status.ContainerStatuses[0] = s
	})
}

// upInFirst is a young pod whose container has run for 20 seconds in its last run, and again for a while.
func upInFirst(age time.Duration, restarts int32, since time.Duration) corev1.Pod {
	p := upAgain(restarts, since, since+5*time.Second, 20*time.Second)
	p.CreationTimestamp = before(age)
	return p
}

// failingAgain has an init container that runs again after a failure.
func failingAgain(restarts int32, since, failed, lasted time.Duration) corev1.Pod {
	return shape(time.Hour, corev1.PodPending, func(p *corev1.Pod) {
		plainInit(p, corev1.Container{Name: "migrate", Image: "migrate:1"}, since)
		s := restarted(p.Status.InitContainerStatuses[0], restarts, 1, failed)
		s.LastTerminationState.Terminated.StartedAt = before(failed + lasted)
		p.Status.InitContainerStatuses[0] = s
	})
}

// cycling has a sidecar that has exited so often, once in so long, and has run since.
func cycling(restarts int32, every, since time.Duration) corev1.Pod {
	return shape(time.Duration(restarts)*every+since, corev1.PodRunning, func(p *corev1.Pod) {
		p.Status.InitContainerStatuses[0] = restarted(running("proxy", since), restarts, 1, since)
	})
}

// failingAgainAs has an init container of a name that runs again after one exit.
func failingAgainAs(name string, code int32) corev1.Pod {
	p := failingAgain(1, time.Second, 10*time.Second, 0)
	p.Spec.InitContainers[0].Name, p.Status.InitContainerStatuses[0].Name = name, name
	p.Status.InitContainerStatuses[0].LastTerminationState.Terminated.ExitCode = code
	return p
}

// slowProbe has a sidecar whose startup probe allows an hour.
func slowProbe(since time.Duration) corev1.Pod {
	return shape(time.Hour, corev1.PodPending, func(p *corev1.Pod) {
		p.Spec.InitContainers[0].StartupProbe = &corev1.Probe{PeriodSeconds: 60, FailureThreshold: 60}
		notStarted(p, since)
	})
}

func neverStartedSidecar(since time.Duration) corev1.Pod {
	p := slowProbe(since)
	p.Spec.InitContainers[0].StartupProbe = nil
	return p
}

func pulling() corev1.Pod {
	return shape(time.Hour, corev1.PodPending, statuses(list{waiting("proxy", "PodInitializing")}, list{waiting("main", "PodInitializing")}))
}

// TestTolerated: a clock that is a little ahead is none that is wrong.
func TestTolerated(t *testing.T) {
	for ahead, want := range map[time.Duration]int{tolerated: 0, tolerated + time.Second: 1} {
		p := shape(-ahead, corev1.PodPending, func(p *corev1.Pod) { p.Name, p.Status = "p", corev1.PodStatus{Phase: corev1.PodPending} })
		s := &facts.Snapshot{TakenAt: metav1.NewTime(noon), Seen: facts.Kinds(), Pods: []corev1.Pod{p}}
		if got := len(suite.Judge(s, initContainerNeverExits.ID).Outcome.Missing); got != want {
			t.Errorf("%s ahead: %d gaps, want %d", ahead, got, want)
		}
	}
}

// TestLongGracePeriod: where the grace period is longer than that, a shorter one is recommended.
func TestLongGracePeriod(t *testing.T) {
	for grace, want := range map[int64]int{60: 2, 61: 3} {
		p := shape(time.Hour, corev1.PodRunning, func(p *corev1.Pod) { p.DeletionGracePeriodSeconds = &grace })
		if got := len(sceneOf(&facts.Snapshot{}).subject(&p).terminationSteps(false)); got != want {
			t.Errorf("a grace period of %ds: %d steps, want %d", grace, got, want)
		}
	}
}

// TestShortRun: the log of a container is read when it failed soon after its start, next to one that listens.
func TestShortRun(t *testing.T) {
	for lasted, want := range map[time.Duration]int{shortRun - time.Second: 1, shortRun: 0} {
		p := heldPod("envoy", time.Minute)
		p.Name, p.Status.ContainerStatuses[0] = "p", ended("first", 1, time.Minute)
		p.Status.ContainerStatuses[0].State.Terminated.StartedAt = before(time.Minute + lasted)
		s := &facts.Snapshot{TakenAt: metav1.NewTime(noon), Seen: facts.Kinds(), Pods: []corev1.Pod{p}}
		if got := Judge(s, nil).LogsToRead(); len(got) != want {
			t.Errorf("after %s: %d logs, want %d", lasted, len(got), want)
		}
	}
}
