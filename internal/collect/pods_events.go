package collect

import (
	"context"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// readEventsOfPods reads all events of the few pods of the snapshot.
func (r *PodReader) readEventsOfPods(ctx context.Context) {
	r.c.mu.Lock()
	var pods []corev1.Pod
	pods = append(pods, r.c.snapshot.Pods...)
	r.c.mu.Unlock()
	var wg sync.WaitGroup
	for i := range pods {
		wg.Go(func() {
			selector := fields.Set{"involvedObject.uid": string(pods[i].UID)}
			r.readEvents(ctx, pods[i].Namespace, selector.String(), nil)
		})
	}
	wg.Wait()
}

// readWarnings reads the warnings of a namespace, or all, and keeps those about what is in the
// snapshot.
func (r *PodReader) readWarnings(ctx context.Context, namespace string) {
	r.mu.Lock()
	known := r.uids
	r.mu.Unlock()
	r.readEvents(ctx, namespace, "type="+corev1.EventTypeWarning, func(e *corev1.Event) bool {
		return known[e.InvolvedObject.UID]
	})
}

// hooksAtOnce is how many pods with a hook have their events read at the same time.
const hooksAtOnce = 8

// readHooks reads, where only warnings were read, the other events of the pods in which a container
// with a postStart hook has not started. That the hook runs, and since when, a normal event tells and
// nothing else does. Few pods are in that state, and most of them not for long.
func (r *PodReader) readHooks(ctx context.Context) {
	r.c.mu.Lock()
	hooked := slices.Clone(r.c.snapshot.Pods)
	r.c.mu.Unlock()
	hooked = slices.DeleteFunc(hooked, func(p corev1.Pod) bool { return !hookPending(&p) })
	slots := make(chan struct{}, hooksAtOnce)
	var wg sync.WaitGroup
	for i := range hooked {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			selector := fields.Set{"involvedObject.uid": string(hooked[i].UID), "type": corev1.EventTypeNormal}
			r.readEvents(ctx, hooked[i].Namespace, selector.String(), nil)
		})
	}
	wg.Wait()
}

// hookPending reports whether a container with a postStart hook waits to have started: the kubelet
// shows it so until the hook has returned.
func hookPending(p *corev1.Pod) bool {
	waits := func(statuses []corev1.ContainerStatus, name string) bool {
		return slices.ContainsFunc(statuses, func(s corev1.ContainerStatus) bool { return s.Name == name && s.State.Waiting != nil })
	}
	pending := func(containers []corev1.Container, statuses []corev1.ContainerStatus) bool {
		return slices.ContainsFunc(containers, func(c corev1.Container) bool {
			return c.Lifecycle != nil && c.Lifecycle.PostStart != nil && waits(statuses, c.Name)
		})
	}
	return p.Spec.NodeName != "" && p.DeletionTimestamp == nil &&
		(pending(p.Spec.InitContainers, p.Status.InitContainerStatuses) || pending(p.Spec.Containers, p.Status.ContainerStatuses))
}

// readEvents reads the events that the server selects and keep wants; nil wants all.
func (r *PodReader) readEvents(ctx context.Context, namespace, selector string, keep func(*corev1.Event) bool) {
	events, err := r.listEvents(ctx, namespace, selector, keep)
	if err != nil {
		r.c.failed(ctx, listEvents.In(namespace), "", err)
	}
	r.addEvents(events)
}

func (r *PodReader) addEvents(events []corev1.Event) {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.snapshot.Events = append(r.c.snapshot.Events, events...)
}

func (r *PodReader) listEvents(ctx context.Context, namespace, selector string, keep func(*corev1.Event) bool) ([]corev1.Event, error) {
	var out []corev1.Event
	err := r.c.pages(ctx, func(ctx context.Context, page metav1.ListOptions) (metav1.ListInterface, error) {
		page.FieldSelector = selector
		list, err := r.c.client.CoreV1().Events(namespace).List(ctx, page)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if keep == nil || keep(&list.Items[i]) {
				out = append(out, facts.TrimEvent(&list.Items[i]))
			}
		}
		return list, nil
	}, func() { out = nil })
	return out, err
}
