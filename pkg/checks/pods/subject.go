package pods

import (
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A scene is a snapshot with what the checks on pods look up again and again.
type scene struct {
	*facts.Snapshot
	cluster cluster.View
	// makers are in the order of makers.
	makers []maker
	named  map[checks.Object]maker
	// events are by what they are about, the newest first.
	events map[checks.Object][]corev1.Event
	nodes  map[string]*cluster.Node
	jobs   map[checks.Object]*batchv1.Job
	// siblings are the pods of one owner: those whose first owner has that UID.
	siblings map[types.UID][]*corev1.Pod
	// first is how many of the pods are judged.
	first int
	pods  []subject
	// supposing are the gaps while moments are supposed; see bounds.go.
	supposing []facts.Gap
}

func sceneOf(s *facts.Snapshot) *scene {
	out := &scene{
		Snapshot: s, first: len(s.Pods), cluster: cluster.ViewOf(s), makers: makers(s), named: map[checks.Object]maker{},
		events: map[checks.Object][]corev1.Event{}, nodes: map[string]*cluster.Node{},
		jobs: map[checks.Object]*batchv1.Job{}, siblings: map[types.UID][]*corev1.Pod{},
	}
	for _, m := range out.makers {
		out.named[m.Object] = m
	}
	for _, e := range s.Events {
		about := checks.Object{Kind: e.InvolvedObject.Kind, Namespace: e.InvolvedObject.Namespace, Name: e.InvolvedObject.Name}
		out.events[about] = append(out.events[about], e)
	}
	for _, list := range out.events {
		sortEvents(list)
	}
	for _, n := range out.cluster.Nodes() {
		out.nodes[n.Name] = &n
	}
	for i := range s.Jobs {
		out.jobs[checks.Object{Kind: "Job", Namespace: s.Jobs[i].Namespace, Name: s.Jobs[i].Name}] = &s.Jobs[i]
	}
	for i := range s.Pods {
		if owners := s.Pods[i].OwnerReferences; len(owners) > 0 {
			out.siblings[owners[0].UID] = append(out.siblings[owners[0].UID], &s.Pods[i])
		}
	}
	return out
}

// sortEvents puts the newest first.
func sortEvents(list []corev1.Event) {
	slices.SortStableFunc(list, func(a, b corev1.Event) int { return eventTime(b).Compare(eventTime(a).Time) })
}

// A subject is a pod with what else is known of it.
type subject struct {
	*corev1.Pod
	s *scene
	// makers are those that made it, the nearest first, as far as they are in the snapshot; the
	// last is the one to change. Empty for a bare pod and where none was seen.
	makers []maker
	// inits and mains are its containers with their statuses, in start order.
	inits, mains []container
	// node is nil when it has none or it was not seen.
	node *cluster.Node
	// behind is by how much the clock of its node is known to be behind; the pod's times are put right.
	behind time.Duration
	// unmade is that there is no such pod: it is what its owner would make.
	unmade bool
}

// A container is a container with its status.
type container struct {
	*corev1.Container
	// status is nil when the pod's status does not have it.
	status *corev1.ContainerStatus
	init   bool
}

// sidecar reports whether the stored pod has it as a native sidecar.
func (c container) sidecar() bool { return c.init && facts.RestartsAlways(c.Container) }

// role is what a container is called in messages.
func (c container) role() string {
	switch {
	case c.sidecar():
		return "sidecar " + c.Name
	case c.init:
		return "init container " + c.Name
	}
	return "container " + c.Name
}

// subjects are the pods of the snapshot that are judged, in its order.
func (s *scene) subjects() []subject {
	if s.pods == nil {
		for i := range s.Pods[:min(s.first, len(s.Pods))] {
			p := s.subject(&s.Pods[i])
			p.inTime()
			s.pods = append(s.pods, p)
		}
	}
	return s.pods
}

func (s *scene) subject(p *corev1.Pod) subject {
	p, late := s.inTime(p)
	return subject{
		Pod: p, s: s, makers: s.makersOf(p.Namespace, p.OwnerReferences), node: s.nodes[p.Spec.NodeName], behind: late,
		inits: containers(p.Spec.InitContainers, p.Status.InitContainerStatuses, true),
		mains: containers(p.Spec.Containers, p.Status.ContainerStatuses, false),
	}
}

func containers(list []corev1.Container, statuses []corev1.ContainerStatus, init bool) []container {
	out := make([]container, 0, len(list))
	for i := range list {
		out = append(out, container{Container: &list[i], status: facts.ContainerStatusOf(statuses, list[i].Name), init: init})
	}
	return out
}

func (p subject) object() checks.Object {
	return checks.Object{Kind: "Pod", Namespace: p.Namespace, Name: p.Name}
}

// all is every container, in start order.
func (p subject) all() []container { return slices.Concat(p.inits, p.mains) }

func (p subject) sidecars() []container {
	return slices.DeleteFunc(slices.Clone(p.inits), func(c container) bool { return !c.sidecar() })
}

// finished reports whether the pod will not change anymore.
func (p subject) finished() bool { return facts.PodFinished(p.Pod) }

func (p subject) deleting() bool { return p.DeletionTimestamp != nil }

// stopping reports whether the sidecars of the pod are meant to stop, or have: it is finished, deleted, or its work
// is done. However they exit then, it is not what keeps the pod from working.
func (p subject) stopping() bool { return p.finished() || p.deleting() || p.workDone() }

// workDone reports whether every regular container has exited and will not be started again.
func (p subject) workDone() bool {
	return len(p.mains) > 0 && !slices.ContainsFunc(p.mains, func(c container) bool { return !p.over(c) })
}

// starting reports whether the pod has not got past its init containers and is meant to.
func (p subject) starting() bool {
	return !p.finished() && !p.deleting() && p.blocker() != nil
}

// blocker is the init container that holds up the next one; nil when there is none, or a regular
// container has already run. Sidecars before the last one that the kubelet got to do not hold up
// anything, also when they are down. The condition Initialized does not know of an init container that ran out of
// memory and exited with 0.
func (p subject) blocker() *container {
	for _, c := range p.mains {
		if c.reached() {
			return nil
		}
	}
	if i := slices.IndexFunc(p.inits, container.quietlyFailed); i >= 0 {
		return &p.inits[i]
	}
	if c := facts.PodConditionOf(p.Pod, corev1.PodInitialized); c != nil && c.Status == corev1.ConditionTrue {
		return nil
	}
	last := 0
	for i, c := range p.inits {
		if c.reached() {
			last = i
		}
	}
	for i := last; i < len(p.inits); i++ {
		if !p.inits[i].passed() {
			return &p.inits[i]
		}
	}
	return nil
}

// reached reports whether the kubelet has got to the container, in this sandbox of the pod.
func (c container) reached() bool { return facts.ContainerReached(c.status) }

// passed reports whether an init container lets the next one start.
func (c container) passed() bool { return facts.InitContainerPassed(c.Container, c.status) }

// failed reports whether a container has exited with an error in its current or last run.
func (c container) failed() bool {
	end := c.ended()
	return end != nil && (end.ExitCode != 0 || c.init && !c.sidecar() && facts.InitContainerFailed(end))
}

// quietlyFailed reports whether an init container has failed for the kubelet, though its exit code is 0.
func (c container) quietlyFailed() bool {
	return c.init && !c.sidecar() && c.failed() && c.status.State.Running == nil && c.ended().ExitCode == 0
}

// ran reports whether the container has ever been started.
func (c container) ran() bool { return c.running() || c.ended() != nil }

func (c container) running() bool { return c.status != nil && c.status.State.Running != nil }

// waiting is the reason for which a container waits; "" when it does not.
func (c container) waiting() string { return facts.WaitingReason(c.status) }

// ended is how its current or last run ended; nil when it has not exited yet.
func (c container) ended() *corev1.ContainerStateTerminated { return facts.LastTermination(c.status) }

func (c container) restarts() int32 {
	if c.status == nil {
		return 0
	}
	return c.status.RestartCount
}

// events are those about the pod, the newest first; all of them when no reasons are given.
func (p subject) events(reasons ...string) []corev1.Event {
	return p.s.eventsOf(p.object(), string(p.UID), reasons...)
}

// eventsAbout are the pod's events about one of its containers.
func (p subject) eventsAbout(c container, reasons ...string) []corev1.Event {
	field := "spec.containers{" + c.Name + "}"
	if c.init {
		field = "spec.initContainers{" + c.Name + "}"
	}
	return slices.DeleteFunc(p.events(reasons...), func(e corev1.Event) bool { return e.InvolvedObject.FieldPath != field })
}

// eventsOf are the events about an object. uid tells it from an earlier one of the same name.
func (s *scene) eventsOf(o checks.Object, uid string, reasons ...string) []corev1.Event {
	var out []corev1.Event
	for _, e := range s.events[o] {
		if about := e.InvolvedObject.UID; uid != "" && about != "" && string(about) != uid && !mirrored(about) {
			continue
		}
		if len(reasons) == 0 || slices.Contains(reasons, e.Reason) {
			out = append(out, e)
		}
	}
	return out
}

// mirrored reports whether a UID is one that a kubelet made up for a static pod, which the mirror pod does not have.
func mirrored[T ~string](uid T) bool { return !strings.Contains(string(uid), "-") }

// eventTime is when an event was last seen.
func eventTime(e corev1.Event) metav1.Time {
	switch {
	case e.Series != nil && !e.Series.LastObservedTime.IsZero():
		return metav1.NewTime(e.Series.LastObservedTime.Time)
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp
	case !e.EventTime.IsZero():
		return metav1.NewTime(e.EventTime.Time)
	}
	return e.CreationTimestamp
}

// logs are the last lines of a container: of its current run, else of the one before.
func (p subject) logs(c container) []string {
	var previous []string
	for _, l := range p.s.Logs {
		if l.Namespace != p.Namespace || l.Pod != p.Name || l.Container != c.Name || len(l.Lines) == 0 {
			continue
		}
		if !l.Previous {
			return l.Lines
		}
		previous = l.Lines
	}
	return previous
}

// blocked is the init container that a pod does not get past: the one that it waits for, or the one
// that has failed for good in a pod that is not tried again. It is nil for a failure that is history.
func (p subject) blocked() *container {
	if p.starting() {
		return p.blocker()
	}
	if p.Status.Phase != corev1.PodFailed || p.deleting() || p.historical() {
		return nil
	}
	for i, c := range p.inits {
		if !c.sidecar() && c.failed() {
			return &p.inits[i]
		}
	}
	return nil
}

// historical reports whether a failed pod's Job has gone on: it is complete, or a later pod of it got further.
func (p subject) historical() bool {
	if len(p.makers) == 0 {
		return false
	}
	if j := p.s.jobs[p.makers[0].Object]; j != nil && j.Status.Succeeded > 0 {
		return true
	}
	return slices.ContainsFunc(p.s.siblings[p.OwnerReferences[0].UID], func(o *corev1.Pod) bool {
		return o.Namespace == p.Namespace && p.CreationTimestamp.Before(&o.CreationTimestamp) &&
			(o.Status.Phase == corev1.PodRunning || o.Status.Phase == corev1.PodSucceeded)
	})
}

// started reports whether a container has passed its startup probe, if it has one, in its current run.
func started(c container) bool { return facts.ContainerStarted(c.status) }
