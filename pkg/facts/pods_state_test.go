package facts

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPodState(t *testing.T) {
	ready := []corev1.PodCondition{{Type: corev1.PodInitialized, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	notReady := []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
	for name, c := range map[string]struct {
		phase                    corev1.PodPhase
		conditions               []corev1.PodCondition
		deleted                  bool
		finished, ready, settled bool
	}{
		"pending":            {corev1.PodPending, nil, false, false, false, false},
		"running":            {corev1.PodRunning, notReady, false, false, false, false},
		"ready":              {corev1.PodRunning, ready, false, false, true, true},
		"ready, deleted":     {corev1.PodRunning, ready, true, false, true, false},
		"succeeded":          {corev1.PodSucceeded, notReady, false, true, false, true},
		"failed":             {corev1.PodFailed, nil, false, true, false, true},
		"succeeded, deleted": {corev1.PodSucceeded, nil, true, true, false, false},
	} {
		p := &corev1.Pod{Status: corev1.PodStatus{Phase: c.phase, Conditions: c.conditions}}
		if c.deleted {
			p.DeletionTimestamp = &metav1.Time{}
		}
		if PodFinished(p) != c.finished || PodReady(p) != c.ready || PodSettled(p) != c.settled {
			t.Errorf("%s: finished %t, ready %t, settled %t", name, PodFinished(p), PodReady(p), PodSettled(p))
		}
	}
	if got := PodConditionOf(&corev1.Pod{Status: corev1.PodStatus{Conditions: ready}}, corev1.PodScheduled); got != nil {
		t.Errorf("a condition from nowhere: %v", got)
	}
}

func TestContainerState(t *testing.T) {
	always, yes, no := corev1.ContainerRestartPolicyAlways, true, false
	waiting := func(reason string) *corev1.ContainerStatus {
		return &corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
	}
	running := func(started *bool) *corev1.ContainerStatus {
		return &corev1.ContainerStatus{Started: started, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	}
	exited := func(code int32) *corev1.ContainerStatus {
		return &corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}}
	}
	outOfMemory := exited(0)
	outOfMemory.State.Terminated.Reason = OOMKilled
	again := waiting("CrashLoopBackOff")
	again.LastTerminationState = exited(7).State
	for name, c := range map[string]struct {
		status                             *corev1.ContainerStatus
		reached, passed, sidecar, hasEnded bool
	}{
		"no status":              {nil, false, false, false, false},
		"empty":                  {&corev1.ContainerStatus{}, false, false, false, false},
		"waits without a reason": {waiting(""), false, false, false, false},
		"initializing":           {waiting("PodInitializing"), false, false, false, false},
		"creating":               {waiting("ContainerCreating"), false, false, false, false},
		"image":                  {waiting("ImagePullBackOff"), true, false, false, false},
		"runs":                   {running(&no), true, false, false, false},
		"runs, unknown":          {running(nil), true, false, false, false},
		"started":                {running(&yes), true, false, true, false},
		"exited":                 {exited(0), true, true, false, true},
		"failed":                 {exited(1), true, false, false, true},
		"OOMKilled, exit code 0": {outOfMemory, true, false, false, true},
		"again":                  {again, true, false, false, true},
	} {
		passed, sidecar := InitContainerPassed(&corev1.Container{}, c.status), InitContainerPassed(&corev1.Container{RestartPolicy: &always}, c.status)
		ended := LastTermination(c.status) != nil
		if ContainerReached(c.status) != c.reached || passed != c.passed || sidecar != c.sidecar || ended != c.hasEnded {
			t.Errorf("%s: reached %t, passed %t, as a sidecar %t, ended %t", name, ContainerReached(c.status), passed, sidecar, ended)
		}
	}
	if s := ContainerStatusOf([]corev1.ContainerStatus{{Name: "a"}, {Name: "b", RestartCount: 2}}, "b"); s == nil || s.RestartCount != 2 {
		t.Errorf("the status of b: %+v", s)
	}
	if s := ContainerStatusOf(nil, "b"); s != nil {
		t.Errorf("a status from nowhere: %+v", s)
	}
}
