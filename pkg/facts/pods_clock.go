package facts

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NewestTime is the latest time that the pods, events and owners of a snapshot mention: it was taken
// then or later. Deadlines, which lie ahead, do not count. It is zero when nothing has a time.
func (s *Snapshot) NewestTime() metav1.Time {
	var newest time.Time
	see := func(times ...time.Time) {
		for _, t := range times {
			if t.After(newest) {
				newest = t
			}
		}
	}
	for i := range s.Events {
		e := &s.Events[i]
		see(e.LastTimestamp.Time, e.EventTime.Time, e.CreationTimestamp.Time)
		if e.Series != nil {
			see(e.Series.LastObservedTime.Time)
		}
	}
	for i := range s.Pods {
		p := &s.Pods[i]
		see(p.CreationTimestamp.Time)
		for _, c := range p.Status.Conditions {
			see(c.LastTransitionTime.Time)
		}
		for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
			for _, c := range list {
				see(timesOf(c.State)...)
				see(timesOf(c.LastTerminationState)...)
			}
		}
	}
	for i := range s.Jobs {
		see(s.Jobs[i].CreationTimestamp.Time)
		for _, c := range s.Jobs[i].Status.Conditions {
			see(c.LastTransitionTime.Time)
		}
	}
	for i := range s.Deployments {
		for _, c := range s.Deployments[i].Status.Conditions {
			see(c.LastTransitionTime.Time, c.LastUpdateTime.Time)
		}
	}
	for i := range s.ReplicaSets {
		see(s.ReplicaSets[i].CreationTimestamp.Time)
	}
	return metav1.NewTime(newest)
}

func timesOf(state corev1.ContainerState) []time.Time {
	var out []time.Time
	if state.Running != nil {
		out = append(out, state.Running.StartedAt.Time)
	}
	if state.Terminated != nil {
		out = append(out, state.Terminated.StartedAt.Time, state.Terminated.FinishedAt.Time)
	}
	return out
}

// CountToNewest gives a snapshot that does not say when it was taken the newest time in it. What kubectl
// writes does not say when it was written: then nothing is known of how long something lasts, but that
// it lasts at least until then. The gap of the clock says so: checks find what takes long, and call
// nothing young. A snapshot that knows its time, or has no time at all, stays as it is.
func (s *Snapshot) CountToNewest() {
	newest := s.NewestTime()
	if !s.TakenAt.IsZero() || newest.IsZero() {
		return
	}
	reason := "the file does not say when it was taken: ages are counted up to the newest time in it, " + newest.UTC().Format(time.RFC3339)
	s.TakenAt = newest
	s.Seen = append(s.Seen, Clock)
	s.Gaps = append(s.Gaps, Gap{Kind: Clock, Scope: "file", Reason: reason}.ClosedBy(HowToGet(Clock)))
	s.Limits = append(s.Limits, reason)
}
