package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// longestWatch is how long one request watches; then the next goes on where it ended. A connection that nobody uses
// is closed by what stands between.
const longestWatch = 5 * time.Minute

// How long to wait before a watch that could not be had is tried again: twice as long each time.
const (
	firstRetry   = time.Second
	longestRetry = 30 * time.Second
)

// A Notice is what a watch tells.
type Notice struct {
	// Pod and Event are as they are now, trimmed; New is set for a pod that was not there before, Gone for one that is
	// not there anymore.
	Pod       *corev1.Pod
	Event     *corev1.Event
	New, Gone bool
	// Again is set where something may have been missed: read again.
	Again bool
	// Lost is why the watch of Kind cannot be had at the moment; nil with Kind when it is back. Refused is that it
	// will not be had.
	Kind    facts.Kind
	Lost    error
	Refused bool
}

// Marks are where watches go on from what was read.
type Marks struct{ pods, events string }

// Mark notes where the cluster stands, before it is read: what happens from then on, a watch tells. It costs two lists
// of one object each.
func (r *PodReader) Mark(ctx context.Context) (Marks, error) {
	ctx, cancel := r.c.opts.bounded(ctx)
	defer cancel()
	var out Marks
	var err error
	if out.pods, err = r.c.version(ctx, r.query.Namespace, facts.Pods); err != nil {
		return out, r.explained(ctx, err)
	}
	if out.events, err = r.c.version(ctx, r.query.Namespace, facts.Events); err != nil {
		out.events = "" // from the beginning on: what is refused is refused to the watch as well, which says so
	}
	return out, nil
}

// version is the resource version of a list of all objects of a kind.
func (c *collector) version(ctx context.Context, namespace string, kind facts.Kind) (string, error) {
	ctx, cancel := c.reading(ctx)
	defer cancel()
	one := metav1.ListOptions{Limit: 1}
	if kind == facts.Pods {
		list, err := c.client.CoreV1().Pods(namespace).List(ctx, one)
		if err != nil {
			return "", fmt.Errorf("listing pods: %w", err)
		}
		return list.ResourceVersion, nil
	}
	list, err := c.client.CoreV1().Events(namespace).List(ctx, one)
	if err != nil {
		return "", fmt.Errorf("listing events: %w", err)
	}
	return list.ResourceVersion, nil
}

// Again is a reader with the same connections, which has read nothing yet, may read until then, and reads those names.
func (r *PodReader) Again(until time.Time, names []Name) *PodReader {
	old := r.c
	c := &collector{
		opts: old.opts, config: old.config, client: old.client, rest: old.rest, http: old.http, base: old.base, ledger: old.ledger,
		broken: old.broken, access: old.access, pace: old.pace, clock: old.clock, standIns: old.standIns,
		crdsRead: make(chan struct{}), customs: old.customs,
	}
	c.opts.Until = until
	c.snapshot = newSnapshot(c.opts, serverURL(c.base))
	c.began = c.snapshot.TakenAt.Time
	query := r.query
	query.Names = names
	return podReader(c, query)
}

// KeepIn has what is read from now on added to a snapshot, such as logs.
func (r *PodReader) KeepIn(s *facts.Snapshot) { r.c.snapshot = s }

// Now is the time by the API server's clock, which those of objects are of.
func (r *PodReader) Now() time.Time {
	return r.c.opts.Now().Add(r.c.clock.ahead()).UTC().Truncate(time.Second)
}

// A target is what one watch asks for.
type target struct {
	kind facts.Kind
	opts metav1.ListOptions
}

// mostTargets is how many pods or workloads have a watch each; more of them are watched with all of their namespace.
const mostTargets = 5

// targets are what to watch for what was read: the pods that were named, those that a workload's selector chooses,
// or all of the namespace; and the events about them.
func (r *PodReader) targets() []target {
	var pods, events []metav1.ListOptions
	for _, n := range r.query.Names {
		if n.isPod() {
			pods = append(pods, metav1.ListOptions{FieldSelector: fields.Set{"metadata.name": n.Name}.String()})
			events = append(events, metav1.ListOptions{FieldSelector: fields.Set{"involvedObject.kind": "Pod", "involvedObject.name": n.Name}.String()})
		}
	}
	for _, selector := range r.chosen {
		pods = append(pods, metav1.ListOptions{LabelSelector: selector})
	}
	if r.query.Selector != "" {
		pods = append(pods, metav1.ListOptions{LabelSelector: r.query.Selector})
	}
	if len(pods) < max(len(r.query.Names), 1) || len(pods) > mostTargets {
		pods = []metav1.ListOptions{{}}
	}
	if len(events) != len(pods) || len(r.chosen) > 0 || len(events) > mostTargets {
		events = []metav1.ListOptions{{}}
	}
	var out []target
	for _, o := range pods {
		out = append(out, target{facts.Pods, o})
	}
	for _, o := range events {
		out = append(out, target{facts.Events, o})
	}
	return out
}

// SameTargets reports whether a watch of what other read tells of what r has read, too.
func (r *PodReader) SameTargets(other *PodReader) bool {
	return slices.Equal(keys(r.targets()), keys(other.targets()))
}

func keys(list []target) []string {
	var out []string
	for _, t := range list {
		out = append(out, string(t.kind)+" "+t.opts.FieldSelector+" "+t.opts.LabelSelector)
	}
	return out
}

// Relevant reports whether a notice is about something that was read, or may add to it.
func (r *PodReader) Relevant(n Notice) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case n.Event != nil:
		return r.uids[n.Event.InvolvedObject.UID]
	case n.Pod != nil:
		return n.New || r.uids[n.Pod.UID]
	}
	return true
}

// Watch tells on notices what happens from marks on, until ctx is over; then it closes the channel.
func (r *PodReader) Watch(ctx context.Context, marks Marks) <-chan Notice {
	notices := make(chan Notice)
	var wg sync.WaitGroup
	for _, t := range r.targets() {
		from := marks.pods
		if t.kind == facts.Events {
			from = marks.events
		}
		w := &watcher{c: r.c, namespace: r.query.Namespace, target: t, version: from, notices: notices}
		wg.Go(func() { w.run(ctx) })
	}
	go func() {
		wg.Wait()
		close(notices)
	}()
	return notices
}

// A watcher watches one target, for as long as it may.
type watcher struct {
	c         *collector
	namespace string
	target    target
	version   string
	notices   chan<- Notice
	lost      bool
}

func (w *watcher) tell(ctx context.Context, n Notice) {
	select {
	case w.notices <- n:
	case <-ctx.Done():
	}
}

func (w *watcher) run(ctx context.Context) {
	retry := firstRetry
	for ctx.Err() == nil {
		before := w.version
		err := w.once(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && w.version != before:
			retry = firstRetry
			continue
		case err == nil: // it ended without a word: not at once again
		case errors.Is(err, errRefused) || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsMethodNotSupported(err):
			w.tell(ctx, Notice{Kind: w.target.kind, Lost: err, Refused: true})
			return
		case apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
			if err = w.relist(ctx); err == nil {
				continue
			}
			w.lose(ctx, err)
		default:
			w.lose(ctx, err)
		}
		select {
		case <-time.After(retry):
		case <-ctx.Done():
		}
		retry = min(2*retry, longestRetry)
	}
}

// relist goes on from now: what happened before has to be read again.
func (w *watcher) relist(ctx context.Context) error {
	version, err := w.c.version(ctx, w.namespace, w.target.kind)
	if err == nil {
		w.version = version
		w.tell(ctx, Notice{Again: true})
	}
	return err
}

// lose tells, once, that the watch cannot be had at the moment.
func (w *watcher) lose(ctx context.Context, err error) {
	if !w.lost {
		w.lost = true
		w.tell(ctx, Notice{Kind: w.target.kind, Lost: err})
	}
}

// once is one request: until the server ends it, or something fails.
func (w *watcher) once(ctx context.Context) error {
	lasts := longestWatch
	if until, ok := ctx.Deadline(); ok {
		lasts = min(lasts, max(time.Until(until), time.Second))
	}
	opts := w.target.opts
	opts.ResourceVersion, opts.AllowWatchBookmarks = w.version, true
	whole := int64((lasts + time.Second - 1) / time.Second)
	opts.TimeoutSeconds = &whole
	ctx, cancel := w.c.request(ctx, lasts+4*w.c.opts.RequestTimeout)
	defer cancel()
	stream, err := w.open(ctx, opts)
	if err != nil {
		return err
	}
	defer stream.Stop()
	if w.lost {
		w.lost = false
		w.tell(ctx, Notice{Kind: w.target.kind})
	}
	for {
		select {
		case e, open := <-stream.ResultChan():
			if !open {
				return nil
			}
			if err := w.take(ctx, e); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *watcher) open(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
	if w.target.kind == facts.Events {
		return w.c.client.CoreV1().Events(w.namespace).Watch(ctx, opts)
	}
	return w.c.client.CoreV1().Pods(w.namespace).Watch(ctx, opts)
}

// take is one event of a watch.
func (w *watcher) take(ctx context.Context, e watch.Event) error {
	if e.Type == watch.Error {
		return apierrors.FromObject(e.Object)
	}
	if version := versionOf(e.Object); version != "" {
		w.version = version
	}
	if e.Type == watch.Bookmark {
		return nil
	}
	n := Notice{New: e.Type == watch.Added, Gone: e.Type == watch.Deleted}
	switch o := e.Object.(type) {
	case *corev1.Pod:
		trimmed := facts.TrimPod(o)
		n.Pod = &trimmed
	case *corev1.Event:
		if n.Gone {
			return nil // it has expired
		}
		trimmed := facts.TrimEvent(o)
		n.Event = &trimmed
	default:
		return fmt.Errorf("a watch of %s told of a %T", w.target.kind, e.Object)
	}
	w.tell(ctx, n)
	return nil
}

func versionOf(o runtime.Object) string {
	m, err := meta.Accessor(o)
	if err != nil {
		return ""
	}
	return m.GetResourceVersion()
}
