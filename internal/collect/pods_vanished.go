package collect

import (
	"context"
	"fmt"
	"regexp"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
)

// Names of pods tell who makes them. The letters are those of Kubernetes' random suffixes.
var (
	replicaSetPod = regexp.MustCompile(`^(.+-[bcdf-hj-np-tv-xz0-9]{6,10})-[bcdf-hj-np-tv-xz2456789]{5}$`)
	jobPod        = regexp.MustCompile(`^(.+?)(?:-[0-9]+)?-[bcdf-hj-np-tv-xz2456789]{5}$`)
	daemonSetPod  = regexp.MustCompile(`^(.+)-[bcdf-hj-np-tv-xz2456789]{5}$`)
	statefulPod   = regexp.MustCompile(`^(.+)-[0-9]+$`)
)

// likelyOwners are the owners that a pod of this name may have had, the likeliest first.
func likelyOwners(pod string) []Name {
	var out []Name
	try := func(pattern *regexp.Regexp, resource string) {
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
		r.c.failed(ctx, listEvents.In(namespace), "", err)
	}
	r.addEvents(events)
	for _, owner := range likelyOwners(name) {
		object, err := r.c.named(ctx, namespace, owner)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			r.c.failed(ctx, getPods.In(namespace), "", fmt.Errorf("reading %s: %w", owner, err))
			continue
		}
		r.limit("pod %s/%s does not exist (any more): its %s is looked at instead", namespace, name, owner)
		return r.follow(ctx, object)
	}
	if len(events) == 0 {
		return fmt.Errorf("reading pod %s: %w", name, notFound)
	}
	r.limit("pod %s/%s does not exist any more: its events are all that is left", namespace, name)
	r.askVanished(namespace, name)
	return nil
}

func (r *PodReader) askVanished(namespace, name string) {
	pod := corev1.Pod{}
	pod.Name, pod.Namespace = name, namespace
	r.ask("Pod", &pod)
}

// limit notes how the question was narrowed or changed.
func (r *PodReader) limit(format string, args ...any) {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.snapshot.Limits = append(r.c.snapshot.Limits, fmt.Sprintf(format, args...))
}

// isPod reports whether a name is one of a pod.
func (n Name) isPod() bool {
	switch n.Resource {
	case pods, "pod", "po", "Pod":
		return true
	}
	return false
}
