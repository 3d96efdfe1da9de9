package pods

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// A kubelet cannot have seen a pod before the API server created it. Where it says so, the clock of its node is behind, by
// so much at least: what it wrote is then taken to be so much later. Else a pod that is seconds old would have waited for
// as long as the clocks differ. Clocks that are ahead are no concern of this: see ahead.

// behind is by how much the clock of a pod's node is known to be behind. A static pod is older than what the API server
// has of it.
func behind(p *corev1.Pod) time.Duration {
	if _, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]; mirror || p.CreationTimestamp.IsZero() {
		return 0
	}
	var most time.Duration
	see := func(at *metav1.Time) {
		if at.Unix() > 0 {
			most = max(most, p.CreationTimestamp.Sub(at.Time))
		}
	}
	kubeletTimes(p, see)
	if most <= rounding {
		return 0
	}
	return most
}

// kubeletTimes are the times in a pod's status that its kubelet wrote; what did not happen has none.
func kubeletTimes(p *corev1.Pod, see func(*metav1.Time)) {
	if p.Status.StartTime != nil {
		see(p.Status.StartTime)
	}
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for i := range list {
			for _, s := range []*corev1.ContainerState{&list[i].State, &list[i].LastTerminationState} {
				if s.Running != nil {
					see(&s.Running.StartedAt)
				}
				if s.Terminated != nil {
					see(&s.Terminated.StartedAt)
					see(&s.Terminated.FinishedAt)
				}
			}
		}
	}
	for i := range p.Status.Conditions {
		if slices.Contains(kubeletConditions, p.Status.Conditions[i].Type) {
			see(&p.Status.Conditions[i].LastTransitionTime)
		}
	}
}

var kubeletConditions = []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady}

// inTime is a pod with the times of its kubelet put right, and by how much they were wrong. None is put into the future:
// somebody else wrote such a one.
func (s *scene) inTime(p *corev1.Pod) (*corev1.Pod, time.Duration) {
	by := behind(p)
	if by == 0 {
		return p, 0
	}
	out := p.DeepCopy()
	kubeletTimes(out, func(at *metav1.Time) {
		if right := at.Add(by); at.Unix() > 0 && (s.TakenAt.IsZero() || !right.After(s.TakenAt.Time)) {
			at.Time = right
		}
	})
	return out, by
}

// inTime puts the times right that the kubelet wrote of events about a pod.
func (p subject) inTime() {
	if p.behind == 0 {
		return
	}
	events := p.s.events[p.object()]
	for i := range events {
		if e := &events[i]; e.Source.Component == "kubelet" || e.ReportingController == "kubelet" {
			delay(e, p.behind)
		}
	}
	sortEvents(events)
}

// delay puts right what a kubelet wrote of an event. When it was created is the API server's word.
func delay(e *corev1.Event, by time.Duration) {
	for _, at := range []*metav1.Time{&e.FirstTimestamp, &e.LastTimestamp} {
		if !at.IsZero() {
			at.Time = at.Add(by)
		}
	}
	if !e.EventTime.IsZero() {
		e.EventTime.Time = e.EventTime.Add(by)
	}
	if e.Series != nil {
		series := *e.Series
		series.LastObservedTime.Time = series.LastObservedTime.Add(by)
		e.Series = &series
	}
}

// skewEvidence says that times were put right.
func (p subject) skewEvidence() []string {
	if p.behind == 0 {
		return nil
	}
	return []string{fmt.Sprintf("the clock of node %s is at least %s behind: its kubelet has seen the pod before it was created; its times are counted as so much later",
		p.Spec.NodeName, duration.HumanDuration(p.behind))}
}
