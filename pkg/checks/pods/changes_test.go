package pods

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// born is when the pod of these tests was created; everything else counts from there.
var born = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) metav1.Time {
	return metav1.NewTime(born.Add(time.Duration(seconds) * time.Second))
}

// moment is a snapshot of one pod with a sidecar that has a startup probe, as change left it.
func moment(taken int, change func(*facts.Snapshot, *corev1.Pod)) *facts.Snapshot {
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "u-1", CreationTimestamp: at(0)},
		Spec: corev1.PodSpec{
			NodeName: "worker-1",
			InitContainers: []corev1.Container{{
				Name: "proxy", Image: "registry.example/proxy:1", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways),
				StartupProbe: &corev1.Probe{PeriodSeconds: 2, FailureThreshold: 30},
			}},
			Containers: []corev1.Container{{Name: "app", Image: "registry.example/app:1"}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodPending,
			InitContainerStatuses: []corev1.ContainerStatus{{
				Name: "proxy", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}},
			}},
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: "app", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}},
			}},
		},
	}
	s := &facts.Snapshot{TakenAt: at(taken), Seen: []facts.Kind{facts.Clock, facts.Pods, facts.Events, facts.Nodes}}
	change(s, &pod)
	s.Pods = append(s.Pods, pod)
	return s
}

func runs(from int) corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(from)}}
}

func seenEvent(name, reason, field, message string, last, count int) corev1.Event {
	kind := corev1.EventTypeNormal
	if reason == "Unhealthy" || reason == "FailedMount" {
		kind = corev1.EventTypeWarning
	}
	return corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name, Namespace: "shop", UID: types.UID("e-" + name)},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "web", UID: "u-1", FieldPath: field},
		Reason:         reason, Message: message, Type: kind, FirstTimestamp: at(last), LastTimestamp: at(last), Count: int32(count),
	}
}

// short is a change in one line.
func short(c Change) string {
	out := fmt.Sprintf("+%v %s", c.At.Sub(born), c.What)
	for _, s := range []string{c.Container, c.Type, c.Reason, c.Probe} {
		if s != "" {
			out += " " + s
		}
	}
	if c.ExitCode != nil {
		out += fmt.Sprintf(" code %d", *c.ExitCode)
	}
	if c.Restarts > 0 {
		out += fmt.Sprintf(" restart %d", c.Restarts)
	}
	if c.Allowed > 0 {
		out += fmt.Sprintf(" %d of %d", c.Failures, c.Allowed)
	}
	return out
}

func TestChanges(t *testing.T) {
	const sidecar = "spec.initContainers{proxy}"
	nothing := func(*facts.Snapshot, *corev1.Pod) {}
	running := func(s *facts.Snapshot, p *corev1.Pod) {
		p.Status.InitContainerStatuses[0].State, p.Status.InitContainerStatuses[0].Started = runs(4), ptr.To(false)
	}
	failing := func(n int) func(*facts.Snapshot, *corev1.Pod) {
		return func(s *facts.Snapshot, p *corev1.Pod) {
			running(s, p)
			s.Events = append(s.Events, seenEvent("a", "Unhealthy", sidecar, "Startup probe failed: connection refused", 4+2*n, n))
		}
	}
	looping := func(s *facts.Snapshot, p *corev1.Pod) {
		c := &p.Status.InitContainerStatuses[0]
		c.RestartCount, c.Started, c.State = 2, ptr.To(false), corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		c.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error", StartedAt: at(20), FinishedAt: at(21)}}
	}
	ready := func(s *facts.Snapshot, p *corev1.Pod) {
		c, app := &p.Status.InitContainerStatuses[0], &p.Status.ContainerStatuses[0]
		c.State, c.Started, c.Ready = runs(4), ptr.To(true), true
		app.State, app.Started, app.Ready = runs(11), ptr.To(true), true
		p.Status.Phase = corev1.PodRunning
		p.Status.Conditions = []corev1.PodCondition{
			{Type: corev1.PodInitialized, Status: corev1.ConditionTrue, LastTransitionTime: at(10)},
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: at(11)},
		}
	}
	for _, test := range []struct {
		name          string
		before, after *facts.Snapshot
		want          []string
	}{
		{"the first look tells what is said", nil, moment(5, running), []string{"+5s in-progress proxy startup-probe"}},
		{"nothing, but for the time", moment(5, running), moment(9, running), nil},
		{"an image", moment(1, nothing), moment(3, func(s *facts.Snapshot, p *corev1.Pod) {
			s.Events = append(s.Events, seenEvent("b", "Pulling", sidecar, "Pulling image", 1, 1), seenEvent("c", "Pulled", sidecar, "Successfully pulled image in 1s", 2, 1))
		}), []string{"+1s image-pulling proxy sidecar Pulling", "+2s image-pulled proxy sidecar Pulled"}},
		{"a container starts", moment(1, nothing), moment(5, running), []string{"+4s container-started proxy sidecar", "+5s in-progress proxy startup-probe"}},
		{"its probe fails", moment(5, running), moment(11, failing(3)), []string{"+10s probe-failed proxy sidecar Unhealthy startup 3 of 30"}},
		{"once more", moment(11, failing(3)), moment(13, failing(4)), []string{"+12s probe-failed proxy sidecar Unhealthy startup 4 of 30"}},
		{"all is well", moment(9, running), moment(12, ready), []string{
			"+11s startup-probe-succeeded proxy sidecar startup", "+11s container-started app main", "+11s pod-ready",
		}},
		{"crash loop", moment(5, running), moment(25, looping), []string{
			"+21s container-exited proxy sidecar code 3 restart 2", "+25s container-waiting proxy sidecar CrashLoopBackOff restart 2",
			"+25s diagnosed proxy sidecar-crash-looping",
		}},
		{"it has got over it", moment(25, looping), moment(40, ready), []string{
			"+4s container-started proxy sidecar", "+11s startup-probe-succeeded proxy sidecar startup", "+11s container-started app main", "+11s pod-ready",
			"+40s over",
		}},
		{"it is deleted", moment(5, running), moment(9, func(s *facts.Snapshot, p *corev1.Pod) {
			running(s, p)
			deleted := at(38)
			p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &deleted, ptr.To(int64(30))
		}), []string{"+8s pod-deleting", "+9s in-progress termination"}},
		{"another one takes its place", moment(5, running), moment(9, func(s *facts.Snapshot, p *corev1.Pod) {
			p.UID, p.Name, p.CreationTimestamp = "u-2", "web-2", at(8)
			p.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web", Controller: ptr.To(true)}}
		}), []string{"+8s pod-appeared ReplicaSet web", "+9s pod-scheduled worker-1", "+9s pod-gone", "+9s in-progress proxy kubelet"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := Judgment{}
			if test.before != nil {
				before = Judge(test.before, nil)
			}
			var got []string
			for _, c := range Changes(before, Judge(test.after, nil)) {
				got = append(got, short(c))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestNextChange: the moment at which by the clock alone something else is said is the moment from which on it is, and
// nothing else is said before.
func TestNextChange(t *testing.T) {
	s := moment(5, func(s *facts.Snapshot, p *corev1.Pod) {
		p.Status.InitContainerStatuses[0].State, p.Status.InitContainerStatuses[0].Started = runs(4), ptr.To(false)
	})
	next, ok := NextChange(s, nil)
	if want := born.Add(64 * time.Second); !ok || !next.Equal(want) { // 30 times 2 seconds after the start
		t.Errorf("%v %t, want %v", next, ok, want)
	}
	said := func(at time.Time) string {
		later := *s
		later.TakenAt = metav1.NewTime(at)
		j := Judge(&later, nil)
		var out []string
		for _, d := range append(j.Diagnoses, j.InProgress...) {
			out = append(out, fmt.Sprint(keyOf(d)))
		}
		return strings.Join(out, "\n")
	}
	if now := said(s.TakenAt.Time); said(next.Add(-time.Second)) != now || said(next) == now {
		t.Errorf("now %s\njust before %s\nthen %s", now, said(next.Add(-time.Second)), said(next))
	}
	if _, ok := NextChange(&facts.Snapshot{TakenAt: at(0)}, nil); ok {
		t.Error("an empty snapshot changes with the time")
	}
}
