package collect

import (
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// normalAtOnce is how many lists of normal events are read at the same time.
const normalAtOnce = 8

// readNormal reads, where only warnings were read, the normal events of those pods of which they may
// tell what nothing else does: few pods, most of them not for long. An API server looks through all
// events of a namespace for each list of some, so that one list serves where there are many such pods.
func (r *PodReader) readNormal(ctx context.Context) {
	slots := make(chan struct{}, normalAtOnce)
	var wg sync.WaitGroup
	read := func(namespace string, selector fields.Set, keep func(*corev1.Event) bool) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			selector["type"] = corev1.EventTypeNormal
			r.readEvents(ctx, namespace, selector.String(), keep)
		})
	}
	for namespace, uids := range r.untold() {
		if len(uids) > fewPods {
			among := sets.New(uids...)
			read(namespace, fields.Set{}, func(e *corev1.Event) bool { return among.Has(e.InvolvedObject.UID) })
			continue
		}
		for _, uid := range uids {
			read(namespace, fields.Set{"involvedObject.uid": string(uid)}, nil)
		}
	}
	wg.Wait()
}

// untold is the pods of the snapshot of which normal events may tell what nothing else does, by namespace.
func (r *PodReader) untold() map[string][]types.UID {
	now := r.c.opts.Now().Add(r.c.clock.ahead())
	out := map[string][]types.UID{}
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	for i := range r.c.snapshot.Pods {
		if p := &r.c.snapshot.Pods[i]; untold(p, now) {
			out[p.Namespace] = append(out[p.Namespace], p.UID)
		}
	}
	return out
}

// nodeTime is how old a pod may be for which an autoscaler is still bringing a node. It is more than
// what the checks allow.
const nodeTime = 10 * time.Minute

// untold reports whether a normal event may tell what nothing else does of a pod: that a node is
// brought for it, that an image is pulled, that a container was created and not started, since when a
// postStart hook runs, or that the kubelet stopped a sidecar because of its startup probe.
func untold(p *corev1.Pod, now time.Time) bool {
	switch {
	case p.DeletionTimestamp != nil:
		return false
	case p.Spec.NodeName == "":
		return now.Sub(p.CreationTimestamp.Time) < nodeTime
	}
	blocked := false // by an init container that runs and is not through
	for _, c := range p.Spec.InitContainers {
		status := statusOf(p.Status.InitContainerStatuses, c.Name)
		through := status.Started != nil && *status.Started
		if starting(c, status, blocked) || c.StartupProbe != nil && status.RestartCount > 0 && !through {
			return true
		}
		blocked = blocked || status.State.Running != nil && !(facts.RestartsAlways(&c) && through)
	}
	return slices.ContainsFunc(p.Spec.Containers, func(c corev1.Container) bool {
		return starting(c, statusOf(p.Status.ContainerStatuses, c.Name), blocked)
	})
}

// starting reports whether the kubelet may be in the middle of starting a container. So the status shows
// one whose turn has not come, too, and one whose postStart hook has not returned: that one blocks.
func starting(c corev1.Container, s corev1.ContainerStatus, blocked bool) bool {
	waiting := s.State.Waiting
	return waiting != nil && slices.Contains([]string{"PodInitializing", "ContainerCreating"}, waiting.Reason) &&
		(!blocked || c.Lifecycle != nil && c.Lifecycle.PostStart != nil)
}

// statusOf is a container's status; an empty one when it has none.
func statusOf(statuses []corev1.ContainerStatus, name string) corev1.ContainerStatus {
	for _, s := range statuses {
		if s.Name == name {
			return s
		}
	}
	return corev1.ContainerStatus{}
}
