package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// mostOwners bounds how many owners are read one by one when the whole cluster is looked at.
const mostOwners = 200

// readOwners reads the owners of the pods of the snapshot, and the owners' owners, each once.
func (r *PodReader) readOwners(ctx context.Context) {
	r.c.mu.Lock()
	var owned []metav1.Object
	for i := range r.c.snapshot.Pods {
		owned = append(owned, &r.c.snapshot.Pods[i])
	}
	for i := range r.c.snapshot.ReplicaSets {
		owned = append(owned, &r.c.snapshot.ReplicaSets[i])
	}
	for i := range r.c.snapshot.Jobs {
		owned = append(owned, &r.c.snapshot.Jobs[i])
	}
	r.c.mu.Unlock()
	each(r.c.opts.Concurrency, len(owned), func(i int) { r.readOwnersOf(ctx, owned[i]) })
}

// readOwnersOf reads the chain of controllers above o.
func (r *PodReader) readOwnersOf(ctx context.Context, o metav1.Object) {
	for o != nil {
		ref := metav1.GetControllerOf(o)
		if ref == nil || ref.Kind == "Node" { // a static pod's mirror
			return
		}
		if !r.claimOwner(ref, o.GetNamespace()) {
			return
		}
		owner, err := r.getOwner(ctx, ref, o.GetNamespace())
		if err != nil {
			r.ownerFailed(ctx, ref, o.GetNamespace(), err)
			return
		}
		o = owner
	}
}

// claimOwner reports whether the caller is the first to read an owner. Too many are a gap.
func (r *PodReader) claimOwner(ref *metav1.OwnerReference, namespace string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := ownerKey(ref.Kind, namespace, ref.Name)
	if r.owners[key] {
		return false
	}
	if len(r.owners) >= mostOwners && !r.owners[""] {
		r.owners[""] = true // told once
		r.c.gap(facts.ReplicaSets, facts.Instance{Part: facts.PartOwners}, fmt.Sprintf("only %d owners were read", mostOwners),
			"ask about one namespace: kubectl sidecar why -n NAMESPACE")
	}
	if len(r.owners) >= mostOwners {
		return false
	}
	r.owners[key] = true
	return true
}

func (r *PodReader) ownerFailed(ctx context.Context, ref *metav1.OwnerReference, namespace string, err error) {
	kind, resource := facts.CustomWorkloads, strings.ToLower(ref.Kind)+"s"
	for _, b := range builtins {
		if b.kind == ref.Kind {
			kind, resource = facts.Kind(b.plural), b.plural
		}
	}
	about := facts.Instance{Kind: ref.Kind, Namespace: namespace, Name: ref.Name}
	right := Rule{PolicyRule: rule("get", groupOf(ref), resource), Kind: kind, Namespace: namespace}
	if apierrors.IsNotFound(err) && ctx.Err() == nil {
		r.c.gap(kind, about, "the owner does not exist any more: "+oneLine(err.Error()),
			"nothing to read: its pods are about to be deleted")
		return
	}
	r.c.failed(ctx, right, about, err)
}

func groupOf(ref *metav1.OwnerReference) string {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return ""
	}
	return gv.Group
}

// getOwner reads one owner into the snapshot.
func (r *PodReader) getOwner(ctx context.Context, ref *metav1.OwnerReference, namespace string) (metav1.Object, error) {
	ctx, cancel := r.c.reading(ctx)
	defer cancel()
	apps, batch, opts := r.c.client.AppsV1(), r.c.client.BatchV1(), metav1.GetOptions{}
	var owner metav1.Object
	var err error
	switch group := groupOf(ref); {
	case group == "apps" && ref.Kind == "ReplicaSet":
		owner, err = apps.ReplicaSets(namespace).Get(ctx, ref.Name, opts)
	case group == "apps" && ref.Kind == "Deployment":
		owner, err = apps.Deployments(namespace).Get(ctx, ref.Name, opts)
	case group == "apps" && ref.Kind == "StatefulSet":
		owner, err = apps.StatefulSets(namespace).Get(ctx, ref.Name, opts)
	case group == "apps" && ref.Kind == "DaemonSet":
		owner, err = apps.DaemonSets(namespace).Get(ctx, ref.Name, opts)
	case group == "batch" && ref.Kind == "Job":
		owner, err = batch.Jobs(namespace).Get(ctx, ref.Name, opts)
	case group == "batch" && ref.Kind == "CronJob":
		owner, err = batch.CronJobs(namespace).Get(ctx, ref.Name, opts)
	case group == "":
		return nil, nil // a ReplicationController: its pods say as much
	default:
		owner, err = r.getCustom(ctx, ref, namespace)
	}
	if err != nil {
		return nil, err
	}
	r.put(owner)
	return owner, nil
}

// getCustom reads an owner of a kind that is not built in. Its resource is guessed from the kind,
// the way resources are named: discovery would cost more than all the rest.
func (r *PodReader) getCustom(ctx context.Context, ref *metav1.OwnerReference, namespace string) (metav1.Object, error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, err
	}
	plural, _ := meta.UnsafeGuessKindToResource(gv.WithKind(ref.Kind))
	return r.getRaw(ctx, plural, namespace, ref.Name)
}

// getRaw reads an object of any kind of an API group.
func (r *PodReader) getRaw(ctx context.Context, gvr schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
	raw, err := r.c.rest.Get().AbsPath("/apis", gvr.Group, gvr.Version, "namespaces", namespace, gvr.Resource, name).
		SetHeader("Accept", "application/json").DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	var object unstructured.Unstructured
	if err := json.Unmarshal(raw, &object.Object); err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", gvr.Resource, name, err)
	}
	return &object, nil
}

// addOwner puts a workload that was read by name into the snapshot.
func (r *PodReader) addOwner(object *unstructured.Unstructured) error {
	var owner metav1.Object
	var err error
	switch object.GroupVersionKind().GroupKind().String() {
	case "ReplicaSet.apps":
		owner, err = as[appsv1.ReplicaSet](object)
	case "Deployment.apps":
		owner, err = as[appsv1.Deployment](object)
	case "StatefulSet.apps":
		owner, err = as[appsv1.StatefulSet](object)
	case "DaemonSet.apps":
		owner, err = as[appsv1.DaemonSet](object)
	case "Job.batch":
		owner, err = as[batchv1.Job](object)
	case "CronJob.batch":
		owner, err = as[batchv1.CronJob](object)
	default:
		owner = object
	}
	if err != nil {
		return err
	}
	r.read1(object.GetKind(), owner)
	r.put(owner)
	return nil
}

func as[T any, P interface {
	*T
	metav1.Object
}](object *unstructured.Unstructured) (metav1.Object, error) {
	var out T
	err := typed(object, &out)
	return P(&out), err
}

// put trims an owner and adds it to the snapshot.
func (r *PodReader) put(owner metav1.Object) {
	r.seen(owner)
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	s := r.c.snapshot
	switch o := owner.(type) {
	case *appsv1.ReplicaSet:
		s.ReplicaSets = append(s.ReplicaSets, facts.TrimReplicaSet(o))
	case *appsv1.Deployment:
		s.Deployments = append(s.Deployments, facts.TrimDeployment(o))
	case *appsv1.StatefulSet:
		s.StatefulSets = append(s.StatefulSets, facts.TrimStatefulSet(o))
	case *appsv1.DaemonSet:
		s.DaemonSets = append(s.DaemonSets, facts.TrimDaemonSet(o))
	case *batchv1.Job:
		s.Jobs = append(s.Jobs, facts.TrimJob(o))
	case *batchv1.CronJob:
		s.CronJobs = append(s.CronJobs, facts.TrimCronJob(o))
	case *unstructured.Unstructured:
		raw, err := o.MarshalJSON()
		if custom, ok := facts.WorkloadOf(raw); err == nil && ok {
			s.CustomWorkloads = append(s.CustomWorkloads, custom)
		}
	}
}

// readNodes reads the nodes on which the pods are.
func (r *PodReader) readNodes(ctx context.Context) {
	r.mu.Lock()
	wanted := r.nodes
	r.mu.Unlock()
	if len(wanted) > fewNodes {
		r.listNodes(ctx, wanted)
		return
	}
	var wg sync.WaitGroup
	for name := range wanted {
		wg.Go(func() { r.readNode(ctx, name) })
	}
	wg.Wait()
}

// fewNodes is how many nodes are read one by one rather than with all others.
const fewNodes = 20

func (r *PodReader) readNode(ctx context.Context, name string) {
	reading, cancel := r.c.reading(ctx)
	defer cancel()
	node, err := r.c.client.CoreV1().Nodes().Get(reading, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		r.c.gap(facts.Nodes, facts.NodeInstance(name), "the node does not exist any more", "nothing to read: the pod will be deleted")
		return
	}
	if err != nil {
		r.c.failed(ctx, getNode, facts.NodeInstance(name), err)
		return
	}
	r.addNode(node)
}

func (r *PodReader) addNode(n *corev1.Node) {
	trimmed := facts.TrimNode(n)
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.snapshot.Nodes = append(r.c.snapshot.Nodes, trimmed)
}

func (r *PodReader) listNodes(ctx context.Context, wanted map[string]bool) {
	err := r.c.pages(ctx, func(ctx context.Context, page metav1.ListOptions) (metav1.ListInterface, error) {
		list, err := r.c.client.CoreV1().Nodes().List(ctx, page)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			if wanted[list.Items[i].Name] {
				r.addNode(&list.Items[i])
			}
		}
		return list, nil
	}, func() {
		r.c.mu.Lock()
		r.c.snapshot.Nodes = nil
		r.c.mu.Unlock()
	})
	if err != nil {
		r.c.failed(ctx, listNodes, whole, err)
	}
}
