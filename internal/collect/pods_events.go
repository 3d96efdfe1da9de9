package collect

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/sets"

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

const onlyWarnings = "type=" + corev1.EventTypeWarning

// readWarnings reads the warnings of a namespace, or all, and keeps those about what is in the snapshot. In
// one namespace it reads the normal events of the pods that need them as well: one list of all events is
// less than two.
func (r *PodReader) readWarnings(ctx context.Context, namespace string) {
	r.mu.Lock()
	known := r.uids
	r.mu.Unlock()
	needy, selector := sets.New(r.indeterminate()[namespace]...), onlyWarnings
	if len(needy) > 0 {
		selector = ""
	}
	r.readEvents(ctx, namespace, selector, func(e *corev1.Event) bool {
		return e.Type == corev1.EventTypeWarning && known[e.InvolvedObject.UID] || needy.Has(e.InvolvedObject.UID)
	})
}

// readEvents reads the events that the server selects and keep wants; nil wants all.
func (r *PodReader) readEvents(ctx context.Context, namespace, selector string, keep func(*corev1.Event) bool) {
	events, err := r.listEvents(ctx, namespace, selector, keep)
	if err != nil {
		r.c.failed(ctx, listEvents.In(namespace), whole, err)
	}
	r.addEvents(events)
}

func (r *PodReader) addEvents(events []corev1.Event) {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.snapshot.Events = append(r.c.snapshot.Events, events...)
}

// mostEvents is how many events of one list are kept. Where something fails in a loop, there are as many as etcd holds.
const mostEvents = 50_000

func (r *PodReader) listEvents(ctx context.Context, namespace, selector string, keep func(*corev1.Event) bool) ([]corev1.Event, error) {
	var out []corev1.Event
	left := 0
	err := longList(ctx, r.c, listRequest{namespace: namespace, resource: "events", opts: metav1.ListOptions{FieldSelector: selector}}, func(page *corev1.EventList) {
		for i := range page.Items {
			switch {
			case keep != nil && !keep(&page.Items[i]):
			case len(out) >= mostEvents:
				left++
			default:
				out = append(out, facts.TrimEvent(&page.Items[i]))
			}
		}
	}, func() { out, left = nil, 0 })
	if err == nil && left > 0 {
		err = fmt.Errorf("there are %d events, of which only %d were kept", mostEvents+left, mostEvents)
	}
	return out, err
}
