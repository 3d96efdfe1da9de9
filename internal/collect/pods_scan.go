package collect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// notDone is the pods that may be in trouble, as far as the API server can tell: it cannot select
// by readiness. What succeeded is harmless, and is most pods of a cluster that runs many Jobs.
const notDone = "status.phase!=Succeeded"

// scan looks for suspicious pods in a namespace, or in all.
//
// The server is asked for pods that have not succeeded, in pages, of which only the suspicious ones
// are kept; for warnings only of the events; and for deployments, because one whose pods are
// refused, or that makes ReplicaSets without end, has no pod to look at. ReplicaSets, Jobs and
// others whose pods are refused are found through their FailedCreate events. Pods that are ready are looked at where a
// Service may not reach them; see readReceivers.
func (r *PodReader) scan(ctx context.Context) error {
	var (
		wg         sync.WaitGroup
		namespace  = r.namespace()
		found      []corev1.Pod
		events     []corev1.Event
		looked     int
		podsErr    error
		eventsErr  error
		deployment []appsv1.Deployment
		receiving  = receivers{}
	)
	wg.Go(func() {
		found, podsErr = r.listPods(ctx, namespace, metav1.ListOptions{FieldSelector: notDone}, func(p *corev1.Pod) bool {
			looked++
			receiving.note(p)
			return suspicious(p, r.Now())
		})
	})
	wg.Go(func() {
		events, eventsErr = r.listEvents(ctx, namespace, onlyWarnings, nil)
	})
	wg.Go(func() { deployment = r.listDeployments(ctx, namespace) })
	wg.Wait()
	if podsErr != nil && len(found) == 0 && !apierrors.IsForbidden(podsErr) {
		return fmt.Errorf("listing pods: %w", podsErr)
	}
	if podsErr != nil {
		r.c.failed(ctx, listPods.In(namespace), whole, podsErr)
	}
	if eventsErr != nil {
		r.c.failed(ctx, listEvents.In(namespace), whole, eventsErr)
	}
	if podsErr == nil && looked == 0 && len(deployment) == 0 && namespace != "" {
		if err := r.namespaceExists(ctx, namespace); err != nil {
			return err
		}
	}
	if podsErr == nil {
		r.limit("only suspicious pods are looked at: %d of %d that have not succeeded", len(found), looked)
	}
	for i := range found {
		r.addPod(&found[i])
		r.ask("Pod", &found[i])
	}
	for i := range deployment {
		r.keep(deployments, &deployment[i])
		r.markRead("Deployment", &deployment[i])
		r.ask("Deployment", &deployment[i])
	}
	r.readEvicted(ctx, events)
	r.readReceivers(ctx, receiving.sorted())
	r.readRefused(ctx, events)
	r.readOwners(ctx)
	r.readNodes(ctx)
	r.keepEvents(events)
	r.readNormal(ctx)
	return nil
}

// suspicious reports whether a pod may be in trouble. It errs on the side of looking: what is
// merely young is for the checks to tell.
func suspicious(p *corev1.Pod, now time.Time) bool {
	if p.DeletionTimestamp != nil || p.Status.Phase != corev1.PodRunning {
		return p.Status.Phase != corev1.PodSucceeded
	}
	if !facts.PodReady(p) {
		return true
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodResizePending, corev1.PodResizeInProgress} {
		if c := facts.PodConditionOf(p, kind); c != nil && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	company := len(p.Spec.InitContainers)+len(p.Spec.Containers) > 1
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if c.State.Waiting != nil || company && c.RestartCount > 0 {
			return true
		}
	}
	return company && readyAgain(p, now)
}

// A pod that became ready within readyTime, lateReady or more after its container began to run, may have been unready
// before; so may one that had the time to become unready twice. The first is more than what the checks allow, the second is
// less.
const (
	readyTime = 15 * time.Minute
	lateReady = 4 * time.Minute
)

// readyAgain reports whether a pod that is ready may be one that becomes unready again and again.
func readyAgain(p *corev1.Pod, now time.Time) bool {
	ready := facts.PodConditionOf(p, corev1.ContainersReady)
	if ready == nil || now.Sub(ready.LastTransitionTime.Time) >= readyTime {
		return false
	}
	again := func(list []corev1.Container, statuses []corev1.ContainerStatus) bool {
		return slices.ContainsFunc(list, func(c corev1.Container) bool {
			s := facts.ContainerStatusOf(statuses, c.Name)
			return c.ReadinessProbe != nil && running(s) && ready.LastTransitionTime.Sub(s.State.Running.StartedAt.Time) >= min(lateReady, unreadyTwice(c.ReadinessProbe))
		})
	}
	return again(p.Spec.InitContainers, p.Status.InitContainerStatuses) || again(p.Spec.Containers, p.Status.ContainerStatuses)
}

// unreadyTwice is how long it takes at least until a readiness probe has made a container unready twice.
func unreadyTwice(p *corev1.Probe) time.Duration {
	return 2 * time.Duration(cmp.Or(p.FailureThreshold, 3)) * time.Duration(cmp.Or(p.PeriodSeconds, 10)) * time.Second
}

// listDeployments reads those that are in trouble.
func (r *PodReader) listDeployments(ctx context.Context, namespace string) []appsv1.Deployment {
	var out []appsv1.Deployment
	err := r.c.pages(ctx, func(ctx context.Context, page metav1.ListOptions) (metav1.ListInterface, error) {
		list, err := r.c.client.AppsV1().Deployments(namespace).List(ctx, page)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if troubled(&list.Items[i]) {
				out = append(out, list.Items[i])
			}
		}
		return list, nil
	}, func() { out = nil })
	if err != nil {
		r.c.failed(ctx, listDeployments.In(namespace), whole, err)
	}
	return out
}

// troubled reports whether a deployment's pods are refused, or whether it collides with itself.
func troubled(d *appsv1.Deployment) bool {
	collides := d.Status.CollisionCount != nil && *d.Status.CollisionCount > 0
	return collides || slices.ContainsFunc(d.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
		return c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue
	})
}

// readRefused reads what could not create its pods.
func (r *PodReader) readRefused(ctx context.Context, events []corev1.Event) {
	for i := range events {
		e := &events[i]
		if e.Reason != "FailedCreate" || e.InvolvedObject.Kind == "Deployment" {
			continue
		}
		ref := &metav1.OwnerReference{
			APIVersion: e.InvolvedObject.APIVersion, Kind: e.InvolvedObject.Kind, Name: e.InvolvedObject.Name, UID: e.InvolvedObject.UID,
		}
		if !r.claimOwner(ref, e.InvolvedObject.Namespace) {
			continue
		}
		owner, err := r.getOwner(ctx, ref, e.InvolvedObject.Namespace)
		if err != nil || owner == nil {
			continue // it is gone, or not readable, which the owners of pods will tell
		}
		r.ask(ref.Kind, owner)
	}
}

// mostEvicted is how many pods are read because an event says that they were evicted.
const mostEvicted = 50

// readEvicted reads pods that were evicted and count as succeeded, because their containers exit with 0 when they are
// stopped: they are not among those that have not succeeded.
func (r *PodReader) readEvicted(ctx context.Context, events []corev1.Event) {
	seen, left := map[types.UID]bool{}, 0
	for i := range events {
		about := &events[i].InvolvedObject
		if events[i].Reason != "Evicted" && events[i].Reason != "Preempting" || about.Kind != "Pod" || r.uids[about.UID] || seen[about.UID] {
			continue
		}
		seen[about.UID] = true
		if len(seen) > mostEvicted {
			left++
			continue
		}
		// It may be gone, and another one may have its name.
		one := metav1.ListOptions{FieldSelector: "metadata.name=" + about.Name}
		found, err := r.listPods(ctx, about.Namespace, one, func(p *corev1.Pod) bool { return p.UID == about.UID })
		if err != nil {
			r.c.failed(ctx, listPods.In(about.Namespace), whole, err)
		}
		for i := range found {
			r.addPod(&found[i])
			r.ask("Pod", &found[i])
		}
	}
	if left > 0 {
		r.limit("of the pods that were evicted and count as succeeded, %d were not looked at", left)
	}
}

// keepEvents keeps those that are about something in the snapshot.
func (r *PodReader) keepEvents(events []corev1.Event) {
	r.addEvents(slices.DeleteFunc(events, func(e corev1.Event) bool { return !r.uids[e.InvolvedObject.UID] }))
}
