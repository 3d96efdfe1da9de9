package collect

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// normalAtOnce is how many lists of normal events are read at the same time.
const normalAtOnce = 8

// readNormal reads, where only warnings were read, the normal events of those pods that need them: few pods,
// and most of them not for long. An API server looks through all events of a namespace for each list of
// some, so one list serves where there are many such pods.
func (r *PodReader) readNormal(ctx context.Context) {
	type list struct {
		namespace string
		selector  fields.Set
		keep      func(*corev1.Event) bool
	}
	var lists []list
	for namespace, uids := range r.indeterminate() {
		if len(uids) > fewPods {
			among := sets.New(uids...)
			lists = append(lists, list{namespace, fields.Set{}, func(e *corev1.Event) bool { return among.Has(e.InvolvedObject.UID) }})
			continue
		}
		for _, uid := range uids {
			lists = append(lists, list{namespace, fields.Set{"involvedObject.uid": string(uid)}, nil})
		}
	}
	each(normalAtOnce, len(lists), func(i int) {
		lists[i].selector["type"] = corev1.EventTypeNormal
		r.readEvents(ctx, lists[i].namespace, lists[i].selector.String(), lists[i].keep)
	})
}

// indeterminate is the pods of the snapshot of which only normal events may tell what happens, by namespace.
func (r *PodReader) indeterminate() map[string][]types.UID {
	now := r.c.opts.Now().Add(r.c.clock.ahead())
	out := map[string][]types.UID{}
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	for i := range r.c.snapshot.Pods {
		if p := &r.c.snapshot.Pods[i]; indeterminate(p, now) {
			out[p.Namespace] = append(out[p.Namespace], p.UID)
		}
	}
	return out
}

// nodeTime is how old a pod may be for which an autoscaler is still bringing a node. It is more than
// what the checks allow.
const nodeTime = 10 * time.Minute

// indeterminate reports whether only a normal event may tell what happens to a pod: that a node is being added
// for it, that an image is being pulled, that a container was created and not started, since when a
// postStart hook has been running, or that the kubelet stopped a container because of a probe.
func indeterminate(p *corev1.Pod, now time.Time) bool {
	switch {
	case p.DeletionTimestamp != nil:
		return false
	case p.Spec.NodeName == "":
		return now.Sub(p.CreationTimestamp.Time) < nodeTime
	}
	blocked := false // by an init container that runs and is not through
	for i := range p.Spec.InitContainers {
		c := &p.Spec.InitContainers[i]
		status := facts.ContainerStatusOf(p.Status.InitContainerStatuses, c.Name)
		if starting(c, status, blocked) || probeStopped(c, status, now) {
			return true
		}
		blocked = blocked || running(status) && !(facts.RestartsAlways(c) && facts.ContainerStarted(status))
	}
	for i := range p.Spec.Containers {
		c := &p.Spec.Containers[i]
		status := facts.ContainerStatusOf(p.Status.ContainerStatuses, c.Name)
		if starting(c, status, blocked) || probeStopped(c, status, now) {
			return true
		}
	}
	return false
}

// starting reports whether the kubelet may be in the middle of starting a container. The status looks the same
// before its turn has come, and while its postStart hook has not returned: that hook blocks.
func starting(c *corev1.Container, s *corev1.ContainerStatus, blocked bool) bool {
	return facts.StartingReason(facts.WaitingReason(s)) && (!blocked || c.Lifecycle != nil && c.Lifecycle.PostStart != nil)
}

// restartTime is how long after its end a restart may still count against a container that has started since. It is
// more than what the checks allow.
const restartTime = 3 * time.Hour

// probeStopped reports whether a container may have been restarted because of a probe: it has not started since, or the
// restart is not long ago. How it exits when it is stopped is its own affair.
func probeStopped(c *corev1.Container, s *corev1.ContainerStatus, now time.Time) bool {
	if c.StartupProbe == nil && c.LivenessProbe == nil || s == nil || s.RestartCount == 0 {
		return false
	}
	last := s.LastTerminationState.Terminated
	return !facts.ContainerStarted(s) || last != nil && now.Sub(last.FinishedAt.Time) < restartTime
}

func running(s *corev1.ContainerStatus) bool { return s != nil && s.State.Running != nil }
