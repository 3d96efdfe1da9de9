package collect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// follow puts a named object into the snapshot, and the pods that it makes or is about.
func (r *PodReader) follow(ctx context.Context, object *unstructured.Unstructured) error {
	group := object.GroupVersionKind().Group
	switch {
	case object.GetKind() == "Pod" && group == "":
		r.ask("Pod", object)
		var pod corev1.Pod
		if err := typed(object, &pod); err != nil {
			return err
		}
		r.addPod(&pod)
		return nil
	case object.GetKind() == "HorizontalPodAutoscaler" && group == "autoscaling":
		return r.followTarget(ctx, object)
	case object.GetKind() == "PodDisruptionBudget" && group == "policy":
		return r.readBudget(ctx, object)
	case builtinOf(group, object.GetKind()) == nil:
		return r.followCustom(ctx, object)
	}
	r.ask(object.GetKind(), object)
	if err := r.addOwner(object); err != nil {
		return err
	}
	switch object.GetKind() {
	case "Deployment":
		r.readReplicaSets(ctx, object)
	case "CronJob":
		r.readJobs(ctx, object)
		return nil
	}
	return r.readPodsOf(ctx, object)
}

// noneOf notes that no pod of an object was read.
func (r *PodReader) noneOf(object *unstructured.Unstructured) {
	a := Asked{object.GetKind(), object.GetNamespace(), object.GetName()}
	r.without(a, a.String()+" has no pods")
}

// typed decodes an object of a type that is known.
func typed(from *unstructured.Unstructured, to any) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(from.Object, to); err != nil {
		return fmt.Errorf("reading %s %s: %w", from.GetKind(), from.GetName(), err)
	}
	return nil
}

// readPodsOf reads the pods that a workload's selector chooses and that it owns, or what it owns does.
func (r *PodReader) readPodsOf(ctx context.Context, object *unstructured.Unstructured) error {
	selector, err := selectorOf(object)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.chosen = append(r.chosen, selector)
	r.mu.Unlock()
	pods, err := r.listPods(ctx, object.GetNamespace(), metav1.ListOptions{LabelSelector: selector}, func(p *corev1.Pod) bool {
		owner := metav1.GetControllerOf(p)
		return owner != nil && (owner.UID == object.GetUID() || owner.Kind == "ReplicaSet" || owner.Kind == "Job")
	})
	if err != nil {
		r.c.failed(ctx, listPods.In(object.GetNamespace()), whole, err)
		return nil
	}
	for i := range pods {
		r.addPod(&pods[i])
	}
	if len(pods) == 0 {
		r.noneOf(object)
	}
	return nil
}

// selectorOf is a workload's selector. Kinds that are not built in name it as the built-in ones do.
func selectorOf(object *unstructured.Unstructured) (string, error) {
	raw, found, err := unstructured.NestedMap(object.Object, "spec", "selector")
	if err != nil || !found {
		return "", fmt.Errorf("%s %s has no spec.selector: ask about one of its pods", object.GetKind(), object.GetName())
	}
	_, labelled := raw["matchLabels"]
	_, expressed := raw["matchExpressions"]
	if !labelled && !expressed && len(raw) > 0 { // as of ReplicationControllers
		set, _, err := unstructured.NestedStringMap(object.Object, "spec", "selector")
		if err != nil {
			return "", fmt.Errorf("the selector of %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		return labels.SelectorFromSet(set).String(), nil
	}
	var selector metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &selector); err != nil {
		return "", fmt.Errorf("the selector of %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	parsed, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return "", fmt.Errorf("the selector of %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	if parsed.Empty() {
		return "", fmt.Errorf("the selector of %s %s is empty: ask about one of its pods", object.GetKind(), object.GetName())
	}
	return parsed.String(), nil
}

// keptOwned is how many ReplicaSets or Jobs of one owner are kept, the newest first. A control plane
// that disagrees with itself makes thousands of ReplicaSets; the newest tell it all.
const keptOwned = 10

// readReplicaSets reads those of a Deployment: they say why a pod was refused.
func (r *PodReader) readReplicaSets(ctx context.Context, object *unstructured.Unstructured) {
	selector, err := selectorOf(object)
	if err != nil {
		return // readPodsOf says so
	}
	var owned []appsv1.ReplicaSet
	err = r.c.pages(ctx, func(ctx context.Context, page metav1.ListOptions) (metav1.ListInterface, error) {
		page.LabelSelector = selector
		list, err := r.c.client.AppsV1().ReplicaSets(object.GetNamespace()).List(ctx, page)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if metav1.IsControlledBy(&list.Items[i], object) {
				owned = append(owned, facts.TrimReplicaSet(&list.Items[i]))
			}
		}
		return list, nil
	}, func() { owned = nil })
	if err != nil {
		r.c.failed(ctx, listReplicaSets.In(object.GetNamespace()), whole, err)
		return
	}
	owned = newestFirst(owned, func(o *appsv1.ReplicaSet) metav1.Time { return o.CreationTimestamp })
	for i := range owned {
		r.markRead("ReplicaSet", &owned[i])
	}
	r.c.mu.Lock()
	r.c.snapshot.ReplicaSets = append(r.c.snapshot.ReplicaSets, owned...)
	r.c.mu.Unlock()
}

// readJobs reads those of a CronJob, the newest ones, and their pods.
func (r *PodReader) readJobs(ctx context.Context, object *unstructured.Unstructured) {
	if read, ok := r.readJobsOf(ctx, object); ok && read == 0 {
		r.noneOf(object)
	}
}

// readJobsOf is readJobs for anything that may own Jobs: KEDA's ScaledJobs, JobSets. It returns how many pods they
// have; ok is false where that could not be read.
func (r *PodReader) readJobsOf(ctx context.Context, object *unstructured.Unstructured) (read int, ok bool) {
	namespace := object.GetNamespace()
	var owned []batchv1.Job
	err := r.c.pages(ctx, func(ctx context.Context, page metav1.ListOptions) (metav1.ListInterface, error) {
		list, err := r.c.client.BatchV1().Jobs(namespace).List(ctx, page)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if metav1.IsControlledBy(&list.Items[i], object) {
				owned = append(owned, facts.TrimJob(&list.Items[i]))
			}
		}
		return list, nil
	}, func() { owned = nil })
	if err != nil {
		r.c.failed(ctx, listJobs.In(namespace), whole, err)
		return 0, false
	}
	owned = newestFirst(owned, func(o *batchv1.Job) metav1.Time { return o.CreationTimestamp })
	if len(owned) == 0 {
		return 0, true
	}
	var names []string
	for i := range owned {
		r.markRead("Job", &owned[i])
		names = append(names, owned[i].Name)
	}
	r.c.mu.Lock()
	r.c.snapshot.Jobs = append(r.c.snapshot.Jobs, owned...)
	r.c.mu.Unlock()
	// Every version sets this label; batch.kubernetes.io/job-name is there from 1.27 on.
	pods, err := r.listPods(ctx, namespace, metav1.ListOptions{LabelSelector: "job-name in (" + strings.Join(names, ",") + ")"}, nil)
	if err != nil {
		r.c.failed(ctx, listPods.In(namespace), whole, err)
		return 0, false
	}
	for i := range pods {
		r.addPod(&pods[i])
	}
	return len(pods), true
}

// newestFirst sorts by age and keeps some of the newest.
func newestFirst[T any](list []T, created func(*T) metav1.Time) []T {
	slices.SortStableFunc(list, func(a, b T) int {
		x, y := created(&a), created(&b)
		return cmp.Compare(y.Unix(), x.Unix())
	})
	return list[:min(len(list), keptOwned)]
}

// markRead notes that an owner was read, so it is not read again for its pods.
func (r *PodReader) markRead(kind string, o metav1.Object) {
	r.seen(o)
	r.mu.Lock()
	r.owners[ownerKey(kind, o.GetNamespace(), o.GetName())] = true
	r.mu.Unlock()
}

func ownerKey(kind, namespace, name string) string { return kind + "/" + namespace + "/" + name }
