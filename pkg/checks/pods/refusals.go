package pods

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A refusal is that the pods of an owner are not created, in the words of the API server.
type refusal struct {
	facts.Refusal
	maker    maker
	evidence []string
	since    age
	// last is when the newest event says that one was refused.
	last metav1.Time
}

const failedCreate = "FailedCreate"

// lead is how a message about it begins.
func (r refusal) lead() string {
	if r.maker.pods > 0 {
		return fmt.Sprintf("no more pods can be created (%d so far), %s", r.maker.pods, r.since.words())
	}
	return "no pod can be created, " + r.since.words()
}

// refusals are those of owners that still lack pods; the newest of each owner. What was rejected once
// and has been created since is history.
func (s *scene) refusals() []refusal {
	var out []refusal
	for _, m := range s.makers {
		if !m.lacksPods {
			continue
		}
		if r := s.refusalOf(m); r != nil && !s.madeSince(r) {
			out = append(out, *r)
		}
	}
	for _, m := range s.goneMakers() {
		if r := s.refusalOf(m); r != nil {
			out = append(out, *r)
		}
	}
	return out
}

// madeSince reports whether a Job has got a pod after the last refusal: what it lacks now, it waits to make again after a
// failure.
func (s *scene) madeSince(r *refusal) bool {
	if r.maker.Kind != "Job" || r.last.IsZero() {
		return false
	}
	return slices.ContainsFunc(s.siblings[r.maker.meta.UID], func(p *corev1.Pod) bool { return r.last.Before(&p.CreationTimestamp) })
}

// refusalOf reads an owner's events and conditions; nil when none says that a pod was rejected.
func (s *scene) refusalOf(m maker) *refusal {
	r := refusal{maker: m}
	uid := ""
	if m.meta != nil {
		uid = string(m.meta.UID)
	}
	events := s.eventsOf(m.Object, uid, failedCreate)
	for _, e := range telling(events) {
		r.Message = cmp.Or(r.Message, e.Message)
		r.evidence = append(r.evidence, m.resource+" "+m.Name+": "+quoteEvent(s.Snapshot, e))
	}
	if len(events) > 0 {
		r.last = eventTime(events[0])
	}
	for _, e := range events {
		if first := firstSeen(e); r.since.at.IsZero() || !first.IsZero() && first.Before(&r.since.at) {
			r.since = ageOf(s.Snapshot, first)
		}
	}
	for _, c := range m.failures {
		since := ageOf(s.Snapshot, c.LastTransitionTime)
		r.evidence = append(r.evidence, fmt.Sprintf("replicaset %s: condition ReplicaFailure: True, reason %s, %s: %s", m.Name, c.Reason, since.words(), prose.OneLine(c.Message)))
		r.Message = cmp.Or(r.Message, c.Message)
		if r.since.at.IsZero() {
			r.since = since
		}
	}
	if r.Message == "" {
		return nil
	}
	return &r
}

// telling is the newest of the events, which say that a pod was rejected. When it says that a webhook did not answer,
// an older one that says that the field was stripped comes before it: the API server validates a pod
// after all webhooks have answered, so it proves more. A template that was changed since has
// a new ReplicaSet with events of its own.
func telling(events []corev1.Event) []corev1.Event {
	if len(events) == 0 {
		return nil
	}
	newest := events[:1]
	if cause := causeOf(events[0]); cause != facts.CauseFailed && cause != facts.CauseNoAnswer {
		return newest
	}
	if i := slices.IndexFunc(events, func(e corev1.Event) bool { return causeOf(e) == facts.CauseStripped }); i >= 0 {
		return []corev1.Event{events[i], events[0]}
	}
	return newest
}

func causeOf(e corev1.Event) facts.Cause {
	cause, _ := (&facts.Refusal{Message: e.Message}).Cause()
	return cause
}

func firstSeen(e corev1.Event) metav1.Time {
	if !e.FirstTimestamp.IsZero() {
		return e.FirstTimestamp
	}
	if !e.EventTime.IsZero() {
		return metav1.NewTime(e.EventTime.Time)
	}
	return e.CreationTimestamp
}

// goneMakers are owners that are not in the snapshot and whose events say that pods were rejected, in
// a file that has events alone.
func (s *scene) goneMakers() []maker {
	kinds := map[string]facts.Kind{"ReplicaSet": facts.ReplicaSets, "StatefulSet": facts.StatefulSets, "DaemonSet": facts.DaemonSets, "Job": facts.Jobs}
	var out []maker
	for _, e := range s.Events {
		kind, ok := kinds[e.InvolvedObject.Kind]
		if e.Reason != failedCreate || !ok || s.Has(kind) {
			continue
		}
		m := s.maker(e.InvolvedObject.Namespace, e.InvolvedObject.APIVersion, e.InvolvedObject.Kind, e.InvolvedObject.Name)
		if !slices.ContainsFunc(out, func(o maker) bool { return o.Object == m.Object }) {
			out = append(out, m)
		}
	}
	return out
}
