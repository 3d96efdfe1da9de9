package pods

import (
	"cmp"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// unsteady: a container runs on and counts as ready again, after its readiness probe has failed for a while. What becomes
// unready again and again is ready in between. nil when it has been ready long enough, or only took its time to start.
func (p subject) unsteady(c container) *pending {
	f := p.unreadiness(c)
	if f == nil || !c.status.Ready {
		return nil
	}
	changed := ageOf(p.s.Snapshot, f.changed)
	if changed.atLeast(recent) || f.changed.Sub(f.begun.Time) < hangTime && !f.gaps() {
		return nil
	}
	w := &pending{
		wait: WaitReadiness, container: c.Name, allowed: hangTime, limit: "it counts as steady after %s", next: p.logStep(c),
		state: fmt.Sprintf("%s is ready again, after %s of its readiness probe (the last: %s)", c.role(), prose.Counted(f.failures, "failure"), prose.Clause(f.got)),
		since: ageOf(p.s.Snapshot, later(f.changed, f.last)),
	}
	switch {
	case f.changed.Sub(f.begun.Time) < hangTime && !f.all: // it may have taken its time to start, or not
		w.allowed = 2 * f.run
	case f.relapsed():
		w.allowed = recent
	}
	if w.since.atLeast(w.allowed) {
		return nil
	}
	return w
}

// flaps is what is wrong with a container that runs on and becomes unready again and again; "" when that is not so.
func (p subject) flaps(c container) string {
	f := p.unreadiness(c)
	switch {
	case f == nil || !f.relapsed():
		return ""
	case c.status.Ready && p.unsteady(c) == nil:
		return ""
	case !c.status.Ready && ageOf(p.s.Snapshot, f.changed).atLeast(hangTime): // it stays so
		return ""
	}
	now := map[bool]string{true: "ready", false: "not ready"}[c.status.Ready]
	return fmt.Sprintf("%s becomes unready again and again: its readiness probe has failed %s in %s, last %s (%s); it is %s %s", c.role(),
		prose.Counted(f.failures, "time"), f.last.Sub(f.first.Time).Round(time.Second), ageOf(p.s.Snapshot, f.last).ago(), prose.Clause(f.got),
		now, ageOf(p.s.Snapshot, f.changed).words())
}

// An unreadiness is what is known of the readiness probe of a container that has failed, in the run that goes on.
type unreadiness struct {
	// failures is how often, at least: the kubelet does not write an event for each.
	failures, threshold int
	first, last         metav1.Time
	got                 string
	// begun is when the run began, changed when the containers of the pod became ready, or stopped to be.
	begun, changed metav1.Time
	ready          bool
	// run is how long the probe has to fail before the container is unready, and period between two attempts.
	run, period time.Duration
	// all reports whether an event was written of every failure.
	all bool
}

// unreadiness is nil for a container that was not seen to fail, or too seldom to be more than unlucky.
func (p subject) unreadiness(c container) *unreadiness {
	changed := facts.PodConditionOf(p.Pod, corev1.ContainersReady)
	if !c.running() || c.init && !c.sidecar() || c.ReadinessProbe == nil || changed == nil || p.stopping() {
		return nil
	}
	events := p.readinessFailures(c)
	if len(events) == 0 {
		return nil
	}
	threshold := int(cmp.Or(c.ReadinessProbe.FailureThreshold, 3))
	period := seconds(cmp.Or(c.ReadinessProbe.PeriodSeconds, 10))
	out := &unreadiness{
		begun: c.status.State.Running.StartedAt, changed: changed.LastTransitionTime, ready: c.status.Ready,
		got: answer(events[0]), threshold: threshold, last: eventTime(events[0]), first: eventTime(events[0]),
		period: period, run: time.Duration(threshold+1) * period, all: p.toldAll(),
	}
	for i := range events {
		if at := eventTime(events[i]); at.Before(&out.begun) {
			continue // of an earlier run
		}
		out.failures += times(events[i : i+1])
		if first := events[i].FirstTimestamp; !first.IsZero() && first.Before(&out.first) {
			out.first = first
		}
	}
	if out.failures < max(someFailures, threshold) {
		return nil
	}
	return out
}

// gaps reports whether the probe has failed often enough to make the container unready twice, and may have succeeded in
// between: what takes its time to start fails at each attempt until it is ready. A kubelet that is busy leaves some out.
func (f *unreadiness) gaps() bool {
	if f.failures < 2*f.threshold || f.first.Before(&f.begun) {
		return false
	}
	unbroken := time.Duration(f.failures-1) * f.period
	return f.last.Sub(f.first.Time)-unbroken >= max(f.run, quickly)
}

// relapsed reports whether the container is known to have become unready again after it had recovered. How it started does
// not count, as long as it failed all the time.
func (f *unreadiness) relapsed() bool {
	late := f.first.Sub(f.begun.Time) >= hangTime || f.all && f.gaps()
	if !f.ready {
		return late && f.changed.Sub(f.first.Time) > f.run && f.changed.Before(&f.last)
	}
	between := f.first.Add(rounding).Before(f.changed.Time) && f.changed.Add(rounding).Before(f.last.Time)
	attempts := int(f.last.Sub(f.first.Time)/f.period) + 1
	return between || late && f.all && (f.gaps() || f.failures < attempts/2)
}

// toldAll reports whether the kubelet can have written an event of everything that it told of the pod: it keeps to 25 of
// one pod, and one more every five minutes.
func (p subject) toldAll() bool {
	told := 4 * len(p.all()) // normal events, which perhaps were not read
	for _, e := range p.events() {
		if e.Type != corev1.EventTypeNormal {
			told += times([]corev1.Event{e})
		}
	}
	return told < 25
}

func later(a, b metav1.Time) metav1.Time {
	if a.Before(&b) {
		return b
	}
	return a
}
