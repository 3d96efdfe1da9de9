package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// followCustom reads the pods of an object of a kind that is not built in: those that it owns, directly or through
// others, else those of what it names as its target.
func (r *PodReader) followCustom(ctx context.Context, object *unstructured.Unstructured) error {
	r.ask(object.GetKind(), object)
	if err := r.addOwner(object); err != nil {
		return err
	}
	if object.GetNamespace() == "" {
		r.everywhere = true
	}
	before := len(r.c.snapshot.Pods)
	raw, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	selector, err := selectorOf(object)
	if _, makes := facts.WorkloadOf(raw); err != nil || !makes {
		selector = "" // what it selects may be anything
	}
	if selector != "" {
		r.readOwned(ctx, object, selector)
	}
	if len(r.c.snapshot.Pods) > before {
		return nil
	}
	r.readOwned(ctx, object, "")
	r.readJobsOf(ctx, object)
	if _, _, ok := targetOf(object); ok && len(r.c.snapshot.Pods) == before {
		return r.followTarget(ctx, object)
	}
	if len(r.c.snapshot.Pods) == before {
		r.noneOf(object)
	}
	return nil
}

// targetOf is what an object says that it is about: what an autoscaler scales.
func targetOf(object *unstructured.Unstructured) (kind schema.GroupKind, name string, ok bool) {
	for _, field := range []string{"scaleTargetRef", "targetRef"} {
		ref, found, err := unstructured.NestedMap(object.Object, "spec", field)
		if err != nil || !found {
			continue
		}
		text := func(key, standard string) string {
			if s, ok := ref[key].(string); ok && s != "" {
				return s
			}
			return standard
		}
		gv, err := schema.ParseGroupVersion(text("apiVersion", "apps/v1"))
		if name := text("name", ""); name != "" && err == nil {
			return schema.GroupKind{Group: gv.Group, Kind: text("kind", "Deployment")}, name, true
		}
	}
	return schema.GroupKind{}, "", false
}

// followTarget reads what an autoscaler is about, and notes that it was not what was asked about.
func (r *PodReader) followTarget(ctx context.Context, object *unstructured.Unstructured) error {
	kind, name, ok := targetOf(object)
	about := Asked{object.GetKind(), object.GetNamespace(), object.GetName()}
	if !ok {
		r.ask(object.GetKind(), object)
		r.without(about, about.String()+" names nothing that it scales")
		return nil
	}
	target := Name{strings.TrimSuffix(strings.ToLower(kind.Kind)+"."+kind.Group, "."), name}
	if target.Kind() == about.Kind && name == about.Name {
		r.without(about, about.String()+" names itself as its target")
		return nil
	}
	r.limit("%s is about %s %s, which is looked at", about, kind.Kind, name)
	if err := r.readName(ctx, target); err != nil {
		return fmt.Errorf("%s is about %s %s: %w", about, kind.Kind, name, err)
	}
	return nil
}

// readBudget reads the pods that a disruption budget is about.
func (r *PodReader) readBudget(ctx context.Context, object *unstructured.Unstructured) error {
	about := Asked{object.GetKind(), object.GetNamespace(), object.GetName()}
	selector, found, _ := unstructured.NestedMap(object.Object, "spec", "selector")
	text := ""
	if len(selector) > 0 { // an empty one is all pods, and none is none
		var err error
		if text, err = selectorOf(object); err != nil {
			return err
		}
	}
	if !found {
		r.ask(object.GetKind(), object)
		r.without(about, about.String()+" selects no pods")
		return nil
	}
	return r.choose(ctx, about, metav1.ListOptions{LabelSelector: text}, nil, about.String()+" selects no pods")
}

// readOwned reads the pods, with the labels of selector, that an object owns, directly or through others.
func (r *PodReader) readOwned(ctx context.Context, object *unstructured.Unstructured, selector string) {
	namespace := object.GetNamespace()
	pods, err := r.listPods(ctx, namespace, metav1.ListOptions{LabelSelector: selector}, func(p *corev1.Pod) bool {
		return len(p.OwnerReferences) > 0
	})
	if err != nil {
		r.c.failed(ctx, listPods.In(namespace), whole, err)
		return
	}
	family := &lineage{r: r, ancestor: object.GetUID(), owners: map[types.UID][]metav1.OwnerReference{}, failed: map[types.UID]failedOwner{}}
	family.climb(ctx, pods)
	open := map[string]failedOwner{}
	for i := range pods {
		owned, lost := family.owned(pods[i].OwnerReferences, 0)
		switch {
		case owned:
			r.addPod(&pods[i])
		case lost != nil:
			open[lost.right.object()] = *lost
		}
	}
	for _, f := range open {
		r.c.failedFor(ctx, facts.Pods, f.right, whole, fmt.Errorf("whose pods those of %s are: %w", f.ref.Kind, f.err))
	}
}

// A lineage finds out which pods an object owns.
type lineage struct {
	r        *PodReader
	ancestor types.UID

	mu     sync.Mutex
	owners map[types.UID][]metav1.OwnerReference // of each object that was read
	failed map[types.UID]failedOwner
}

// A failedOwner is an owner that could not be read.
type failedOwner struct {
	ref   metav1.OwnerReference
	right Rule
	err   error
}

// An ownerAt is an owner, and where what it owns is.
type ownerAt struct {
	metav1.OwnerReference
	namespace string
}

// deepest is how many owners are above one another. No chain is that long; a loop would be.
const deepest = 8

// climb reads the owners of pods, their owners, and so on, each once.
func (l *lineage) climb(ctx context.Context, pods []corev1.Pod) {
	var level []ownerAt
	seen := map[types.UID]bool{l.ancestor: true}
	add := func(refs []metav1.OwnerReference, namespace string) {
		for _, ref := range refs {
			if !seen[ref.UID] && ref.Kind != "Node" { // a static pod's mirror
				seen[ref.UID] = true
				level = append(level, ownerAt{ref, namespace})
			}
		}
	}
	for i := range pods {
		add(pods[i].OwnerReferences, pods[i].Namespace)
	}
	for range deepest {
		now := level
		level = nil
		each(l.r.c.opts.Concurrency, len(now), func(i int) { l.read(ctx, now[i]) })
		for _, o := range now {
			add(l.owners[o.UID], o.namespace)
		}
	}
}

var errManyOwners = errors.New("too many owners to read one by one")

// read reads what owns an owner.
func (l *lineage) read(ctx context.Context, o ownerAt) {
	plural := pluralOf(&o.OwnerReference)
	right := Rule{PolicyRule: rule("get", plural.Group, plural.Resource), Kind: facts.Pods, Namespace: o.namespace}
	l.mu.Lock()
	if len(l.owners)+len(l.failed) >= mostOwners {
		l.failed[o.UID] = failedOwner{o.OwnerReference, right, errManyOwners}
		l.mu.Unlock()
		return
	}
	l.owners[o.UID] = nil // counts, while it is read
	l.mu.Unlock()
	got, err := l.r.getMeta(ctx, plural, o.namespace, o.Name)
	a, answers := answered(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil && got.UID == o.UID:
		l.owners[o.UID] = got.OwnerReferences
	case err == nil, answers && a.Code == http.StatusNotFound && builtinOf(plural.Group, o.Kind) != nil: // it is gone
	default:
		delete(l.owners, o.UID)
		l.failed[o.UID] = failedOwner{o.OwnerReference, right, err}
	}
}

// pluralOf is the resource of an owner. That of a kind that is not built in is guessed, the way resources are named:
// discovery would cost more than all the rest.
func pluralOf(ref *metav1.OwnerReference) schema.GroupVersionResource {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		gv = schema.GroupVersion{}
	}
	if b := builtinOf(gv.Group, ref.Kind); b != nil {
		return gv.WithResource(b.plural)
	}
	plural, _ := meta.UnsafeGuessKindToResource(gv.WithKind(ref.Kind))
	return plural
}

// onlyMetadataOf asks for one object without what it is made of.
const onlyMetadataOf = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

// getMeta reads the metadata of an object that is in a namespace or, if it is not there, in none.
func (r *PodReader) getMeta(ctx context.Context, gvr schema.GroupVersionResource, namespace, name string) (*metav1.PartialObjectMetadata, error) {
	ctx, cancel := r.c.reading(ctx)
	defer cancel()
	root := []string{"/apis", gvr.Group, gvr.Version}
	if gvr.Group == "" {
		root = []string{"/api", gvr.Version}
	}
	get := func(more ...string) ([]byte, error) {
		return r.c.rest.Get().AbsPath(append(root[:len(root):len(root)], more...)...).SetHeader("Accept", onlyMetadataOf).DoRaw(ctx)
	}
	raw, err := get("namespaces", namespace, gvr.Resource, name)
	if a, ok := answered(err); ok && a.Code == http.StatusNotFound && strings.Contains(gvr.Group, ".") && builtinNamed(gvr.Resource+"."+gvr.Group) == nil {
		raw, err = get(gvr.Resource, name)
	}
	if err != nil {
		return nil, err
	}
	var out metav1.PartialObjectMetadata
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", gvr.Resource, name, err)
	}
	return &out, nil
}

// owned reports whether references lead to the ancestor; lost is an owner that could not be read on the way, where
// they are not known to.
func (l *lineage) owned(refs []metav1.OwnerReference, depth int) (owned bool, lost *failedOwner) {
	for _, ref := range refs {
		if ref.UID == l.ancestor {
			return true, nil
		}
	}
	if depth > deepest {
		return false, nil
	}
	for _, ref := range refs {
		if f, failed := l.failed[ref.UID]; failed {
			lost = &f
			continue
		}
		found, open := l.owned(l.owners[ref.UID], depth+1)
		if found {
			return true, nil
		}
		if open != nil {
			lost = open
		}
	}
	return false, lost
}
