package facts

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClockTolerance is by how much the clocks of those who write times may differ, with nothing made of it.
const ClockTolerance = 2 * time.Minute

// NewestTime is the latest time that a snapshot mentions: it was taken then or later. Of a file it is the
// latest of every time in it, also of what no check reads; see times.go. Otherwise it is that of the pods
// and events. Deadlines, which lie ahead, do not count, nor does what was left out. It is zero when nothing has a time.
func (s *Snapshot) NewestTime() metav1.Time {
	newest := s.Newest.Time
	see := func(times ...time.Time) {
		for _, t := range times {
			if t.After(newest) && !t.Equal(s.LeftOut.Time) {
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
		for j := range p.Status.Conditions {
			see(p.Status.Conditions[j].LastTransitionTime.Time)
		}
		for _, list := range [...][]containerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
			for j := range list {
				see(timesOf(&list[j].State)...)
				see(timesOf(&list[j].LastTerminationState)...)
			}
		}
	}
	return metav1.NewTime(newest)
}

// LeaveOutFuture makes nothing of the newest time of a file that lies in the future and stands apart: all others have
// passed. Nothing was taken then, and one clock, or one slip of the hand, is no clock. Where more than one time lies
// in the future, it may be now that is wrong, and all of them count. The report says what was left out.
func (s *Snapshot) LeaveOutFuture(now time.Time) {
	newest, ahead := s.NewestTime(), func(t metav1.Time) bool { return t.Sub(now) > ClockTolerance }
	if !s.TakenAt.IsZero() || !newest.Equal(&s.Newest) || !ahead(newest) || s.NextNewest.IsZero() || ahead(s.NextNewest) {
		return
	}
	s.LeftOut, s.Newest = newest, s.NextNewest
	s.Limits = append(s.Limits, fmt.Sprintf("%s, the newest time in the file, lies in the future: it was left out, since every other time in it has passed", newest.UTC().Format(time.RFC3339)))
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

// CountTo gives a snapshot that does not say when it was taken that time, which its reader knows. why says
// in the report how.
func (s *Snapshot) CountTo(at time.Time, why string) {
	s.TakenAt = metav1.NewTime(at)
	if !s.Has(Clock) {
		s.Seen = append(s.Seen, Clock)
	}
	s.Limits = append(s.Limits, why)
}

// NotTakenAt says why a snapshot cannot have been taken at a time; "" when it can.
func (s *Snapshot) NotTakenAt(at, now time.Time) string {
	newest := s.NewestTime()
	switch {
	case at.Sub(now) > ClockTolerance:
		return "that time lies in the future"
	case !s.TakenAt.IsZero() && at.Sub(s.TakenAt.Time).Abs() > ClockTolerance:
		return fmt.Sprintf("the file says that it was taken at %s", s.TakenAt.UTC().Format(time.RFC3339))
	case newest.Sub(at) > ClockTolerance:
		return fmt.Sprintf("the file has times up to %s, so it was taken later", newest.UTC().Format(time.RFC3339))
	}
	return ""
}
