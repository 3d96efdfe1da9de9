package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

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
			facts.Do("ask about one namespace:", "kubectl sidecar why -n NAMESPACE"))
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
	if absent(err) && ctx.Err() == nil {
		r.c.gap(kind, about, "the owner no longer exists: "+oneLine(err.Error()),
			facts.Do("nothing to read: its pods are about to be deleted"))
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
	group := groupOf(ref)
	if group == "" {
		return nil, nil // a ReplicationController: its pods say as much
	}
	if b := builtinOf(group, ref.Kind); b != nil && b.owner != nil {
		owner := b.owner.empty()
		err := r.c.restFor(group).Get().Namespace(namespace).Resource(b.plural).Name(ref.Name).
			VersionedParams(&metav1.GetOptions{}, scheme.ParameterCodec).Do(ctx).Into(owner)
		if err != nil {
			return nil, err
		}
		r.keep(b.owner, owner)
		return owner, nil
	}
	owner, err := r.getCustom(ctx, ref, namespace)
	if err != nil {
		return nil, err
	}
	r.keepCustom(owner)
	return owner, nil
}

// restFor is the client of a group of built-in workloads.
func (c *collector) restFor(group string) rest.Interface {
	if group == batchv1.GroupName {
		return c.client.BatchV1().RESTClient()
	}
	return c.client.AppsV1().RESTClient()
}

// getCustom reads an owner of a kind that is not built in. Its resource is guessed from the kind,
// the way resources are named: discovery would cost more than all the rest.
func (r *PodReader) getCustom(ctx context.Context, ref *metav1.OwnerReference, namespace string) (*unstructured.Unstructured, error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, err
	}
	plural, _ := meta.UnsafeGuessKindToResource(gv.WithKind(ref.Kind))
	owner, err := r.getRaw(ctx, plural, namespace, ref.Name)
	if apierrors.IsNotFound(err) { // what is in no namespace may own what is in one
		if wide, e := r.getRaw(ctx, plural, "", ref.Name); e == nil {
			return wide, nil
		}
	}
	return owner, err
}

// getRaw reads an object of any kind of an API group; without a namespace it is in none.
func (r *PodReader) getRaw(ctx context.Context, gvr schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
	path := []string{"/apis", gvr.Group, gvr.Version}
	if namespace != "" {
		path = append(path, "namespaces", namespace)
	}
	raw, err := r.c.rest.Get().AbsPath(append(path, gvr.Resource, name)...).
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
	b := builtinOf(object.GroupVersionKind().Group, object.GetKind())
	if b == nil || b.owner == nil {
		r.markRead(object.GetKind(), object)
		r.keepCustom(object)
		return nil
	}
	owner := b.owner.empty()
	if err := typed(object, owner); err != nil {
		return err
	}
	r.markRead(b.kind, owner)
	r.keep(b.owner, owner)
	return nil
}

// keep trims an owner of a built-in kind and adds it to the snapshot.
func (r *PodReader) keep(kind *ownerKind, owner apiObject) {
	r.seen(owner)
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	kind.add(r.c.snapshot, owner)
}

// keepCustom is keep for an owner of another kind; one without a pod template is left out.
func (r *PodReader) keepCustom(owner *unstructured.Unstructured) {
	r.seen(owner)
	raw, err := owner.MarshalJSON()
	custom, ok := facts.WorkloadOf(raw)
	if err != nil || !ok {
		return
	}
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.snapshot.CustomWorkloads = append(r.c.snapshot.CustomWorkloads, custom)
}
