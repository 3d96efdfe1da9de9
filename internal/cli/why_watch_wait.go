package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// wait returns when something is to be judged: something has happened, by the clock something else is to be said, or
// the time is up.
func (w *watching) wait(ctx context.Context) {
	var clock <-chan time.Time
	if at, ok := w.nextChange(ctx); ok {
		clock = time.After(max(at.Sub(w.reader.Now()), 0) + time.Second) // times are in whole seconds
	}
	if w.unread != nil {
		clock = time.After(retryRead)
	}
	var gathered <-chan time.Time
	for {
		select {
		case n, open := <-w.notices:
			if !open {
				w.notices = nil // all are refused, or the time is up
				continue
			}
			if w.take(n) && gathered == nil {
				gathered = time.After(gather)
			}
		case <-gathered:
			return
		case <-clock:
			w.reread = w.unread != nil
			return
		case <-w.screen.tick():
			w.redraw(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// nextChange is when something else is to be said by the clock alone. Where it takes long to find out, it is looked at again
// soon.
func (w *watching) nextChange(ctx context.Context) (time.Time, bool) {
	soon := w.reader.Now().Add(mostReserved)
	if w.slow || w.partly {
		return soon, true
	}
	type change struct {
		at time.Time
		is bool
	}
	bounded, cancel := context.WithTimeout(ctx, mostReserved)
	defer cancel()
	s := w.snapshot
	next, err := within(bounded, "judging what comes", func() (change, error) {
		at, is := nextChange(s, w.asked)
		return change{at, is}, nil
	})
	if err != nil {
		w.slow = true
		return soon, true
	}
	return next.at, next.is
}

// take applies a notice to what is known, and reports whether there is something to judge.
func (w *watching) take(n collect.Notice) bool {
	switch {
	case n.Again:
		w.reread = true
	case n.Kind != "":
		return w.takeLoss(n)
	case !w.reader.Relevant(n):
		return false
	case n.Event != nil:
		w.takeEvent(n.Event)
	case n.Pod != nil:
		w.takePod(n)
	}
	return true
}

// takeLoss tells that a watch cannot be had, or is back. One that is refused for good does not end the others.
func (w *watching) takeLoss(n collect.Notice) bool {
	if n.Lost == nil {
		delete(w.lost, n.Kind)
		w.screen.note(fmt.Sprintf("the watch of %s goes on", n.Kind))
		w.reread = true
		return true
	}
	w.lost[n.Kind] = n.Lost
	if !n.Refused {
		w.screen.note(fmt.Sprintf("the watch of %s was cut: %v: trying again", n.Kind, n.Lost))
		return false
	}
	w.screen.note(fmt.Sprintf("%s are not watched: %v", n.Kind, n.Lost))
	if n.Kind == facts.Pods {
		w.refused = true
	}
	return true
}

// takeEvent keeps an event. One about what makes pods tells that it has changed, too.
func (w *watching) takeEvent(e *corev1.Event) {
	s := *w.snapshot
	s.Events = slices.DeleteFunc(slices.Clone(s.Events), func(o corev1.Event) bool {
		return o.UID != "" && o.UID == e.UID || o.Namespace == e.Namespace && o.Name == e.Name && o.Name != ""
	})
	s.Events = append(s.Events, *e)
	w.snapshot, w.fresh = &s, false
	if e.InvolvedObject.Kind != "Pod" {
		w.reread = true
	}
}

// takePod keeps a pod. What comes, goes, or gets another phase or node is read again, with what is around it.
func (w *watching) takePod(n collect.Notice) {
	s := *w.snapshot
	s.Pods = slices.Clone(s.Pods)
	i := slices.IndexFunc(s.Pods, func(p corev1.Pod) bool { return p.UID == n.Pod.UID })
	w.fresh = false
	switch {
	case n.Gone:
		w.follow(n.Pod)
		w.reread = true
	case i < 0:
		w.reread = true
	default:
		old := s.Pods[i]
		s.Pods[i] = *n.Pod
		w.reread = w.reread || old.Status.Phase != n.Pod.Status.Phase || old.Spec.NodeName != n.Pod.Spec.NodeName
		w.snapshot = &s
	}
}

// follow asks, instead of a pod that was named and is gone, about what makes its replacement. A StatefulSet makes one
// of the same name.
func (w *watching) follow(gone *corev1.Pod) {
	i := slices.IndexFunc(w.names, func(n collect.Name) bool { return n.Kind() == "Pod" && n.Name == gone.Name })
	if i < 0 {
		return
	}
	line := familyOf(w.snapshot).line(objectOf("Pod", gone))
	owner := line[len(line)-1]
	if owner.Kind == "Pod" || owner.Kind == "StatefulSet" || !collect.IsType(strings.ToLower(owner.Kind)) {
		return
	}
	instead := collect.Name{Resource: strings.ToLower(owner.Kind), Name: owner.Name}
	w.names = slices.Clone(w.names)
	w.names[i] = instead
	text := fmt.Sprintf("pod %s/%s is gone: %s, which makes what replaces it, is watched instead", gone.Namespace, gone.Name, instead)
	w.limits = append(w.limits, text)
	w.screen.note(text)
}
