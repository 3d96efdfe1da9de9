package collect

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// Names of pods tell who makes them. The letters are those of Kubernetes' random suffixes.
var (
	replicaSetPod = pattern.New(`^(.+-[bcdf-hj-np-tv-xz0-9]{6,10})-[bcdf-hj-np-tv-xz2456789]{5}$`)
	jobPod        = pattern.New(`^(.+?)(?:-[0-9]+)?-[bcdf-hj-np-tv-xz2456789]{5}$`)
	daemonSetPod  = pattern.New(`^(.+)-[bcdf-hj-np-tv-xz2456789]{5}$`)
	statefulPod   = pattern.New(`^(.+)-[0-9]+$`)
)

// likelyOwners are the owners that a pod of this name may have had, the likeliest first.
func likelyOwners(pod string) []Name {
	var out []Name
	try := func(pattern *pattern.Pattern, resource string) {
		if m := pattern.FindStringSubmatch(pod); m != nil {
			out = append(out, Name{resource, m[1]})
		}
	}
	try(replicaSetPod, "replicasets")
	try(statefulPod, "statefulsets")
	try(jobPod, "jobs")
	try(daemonSetPod, "daemonsets")
	return out
}

// readVanished looks at who would have made a pod that does not exist, and at the events that
// outlive it. Without either there is nothing to say but that it does not exist.
func (r *PodReader) readVanished(ctx context.Context, name string, notFound error) error {
	namespace := r.query.Namespace
	selector := fields.Set{"involvedObject.kind": "Pod", "involvedObject.name": name}
	events, err := r.listEvents(ctx, namespace, selector.String(), nil)
	if err != nil {
		r.c.failed(ctx, listEvents.In(namespace), whole, err)
	}
	r.addEvents(events)
	for _, owner := range likelyOwners(name) {
		object, err := r.getLikely(ctx, namespace, owner)
		if absent(err) {
			continue
		}
		if err != nil {
			r.c.failedFor(ctx, facts.Pods, owner.right().In(namespace), whole, err)
			continue
		}
		r.limit("pod %s/%s does not exist (anymore): %s, which would have made it, is looked at instead", namespace, name, owner)
		return r.follow(ctx, object)
	}
	if len(events) == 0 {
		return fmt.Errorf("reading pod %s in namespace %s: %w", name, namespace, notFound)
	}
	r.limit("pod %s/%s no longer exists: its events are all that is left", namespace, name)
	r.c.gap(facts.Pods, whole, fmt.Sprintf("pod %s/%s no longer exists", namespace, name), whatExists)
	r.askByName(Name{pods, name})
	return nil
}

// getLikely reads an owner that might not exist; the resource builder would spend a second request to
// find out whether its namespace does.
func (r *PodReader) getLikely(ctx context.Context, namespace string, owner Name) (*unstructured.Unstructured, error) {
	ctx, cancel := r.c.reading(ctx)
	defer cancel()
	group, _, plural := owner.kind()
	return r.getRaw(ctx, schema.GroupVersionResource{Group: group, Version: "v1", Resource: plural}, namespace, owner.Name)
}

// askByName notes that the user asked about something that could not be read.
func (r *PodReader) askByName(n Name) {
	_, kind, _ := n.kind()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, Asked{kind, r.query.Namespace, n.Name})
}

// limit notes how the question was narrowed or changed.
func (r *PodReader) limit(format string, args ...any) {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.snapshot.Limits = append(r.c.snapshot.Limits, fmt.Sprintf(format, args...))
}
