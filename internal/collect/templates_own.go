package collect

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A templateSource is a kind of objects of the cluster from which one of another kind, or of the same, is made.
type templateSource struct {
	of   facts.TemplateKind
	make func(map[string]any) map[string]any
}

// sourcesOf are where the templates of a kind come from: its own objects, as far as they belong to no other, and those
// from which a controller makes it.
func sourcesOf(k facts.TemplateKind) []templateSource {
	out := []templateSource{{of: k, make: copyWorkload}}
	for _, other := range facts.TemplateKinds {
		switch {
		case k.Kind == "ReplicaSet" && other.Kind == "Deployment":
			out = append(out, templateSource{of: other, make: replicaSetOf})
		case k.Kind == "Job" && other.Kind == "CronJob":
			out = append(out, templateSource{of: other, make: jobOf})
		}
	}
	return out
}

// ownObjects are the objects of the kinds that have been listed, by resource: Deployments tell of ReplicaSets, too, and
// CronJobs of Jobs, and are read once.
type ownObjects map[string]listed

// listed is what a list gave, in the end.
type listed struct {
	objects []map[string]any
	err     error
}

// of lists the objects of a kind, unless that was done before.
func (o ownObjects) of(ctx context.Context, c *collector, k facts.TemplateKind) listed {
	known, ok := o[k.String()]
	if !ok {
		known.err = c.listObjects(ctx, k.APIVersion(), c.opts.Namespace, k.Resource, func(object map[string]any) {
			object["apiVersion"], object["kind"] = k.APIVersion(), k.Kind // items of a list lack them
			known.objects = append(known.objects, object)
		})
		o[k.String()] = known
	}
	return known
}

// addOwn lists the objects of a source. What cannot be listed is a gap: what their templates lose is not known.
func (c *collector) addOwn(ctx context.Context, own *ownTemplates, updates *updater, k facts.TemplateKind, source templateSource, places []place, objects ownObjects) {
	right, about := listWorkload(source.of.Group, source.of.Resource), facts.WorkloadInstance(k.Kind)
	if c.mayNotListWorkloads(ctx, right, about) {
		return
	}
	all := objects.of(ctx, c, source.of)
	for _, object := range all.objects {
		if source.of.Kind == k.Kind {
			updates.addUpdate(object, places)
		}
		u := &unstructured.Unstructured{Object: object}
		if metav1.GetControllerOf(u) == nil {
			own.add(fmt.Sprintf("%s %s/%s", source.of.Kind, u.GetNamespace(), u.GetName()), u.GetNamespace(), source.make(object), places)
		}
	}
	if all.err != nil {
		c.failed(ctx, right, about, all.err)
	}
}

func (c *collector) mayNotListWorkloads(ctx context.Context, r Rule, about facts.Instance) bool {
	if c.opts.Namespace != "" {
		if ok, _ := c.mayIn(ctx, r, c.opts.Namespace); ok {
			return false
		}
		r = r.In(c.opts.Namespace)
	}
	return c.forbidden(ctx, r, about)
}

// listObjects reads all objects of a resource, of one namespace or with "" of all, page by page.
func (c *collector) listObjects(ctx context.Context, apiVersion, namespace, resource string, take func(map[string]any)) error {
	var found []map[string]any
	err := c.pages(ctx, func(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
		req := c.client.Discovery().RESTClient().Get().AbsPath(resourcePath(apiVersion, namespace, resource)).
			SetHeader("Accept", "application/json").Param("limit", fmt.Sprint(opts.Limit))
		if opts.Continue != "" {
			req.Param("continue", opts.Continue)
		}
		answer := req.Do(ctx)
		raw, err := answer.Raw()
		if err != nil {
			return nil, answer.Error()
		}
		var page struct {
			metav1.ListMeta `json:"metadata"`
			Items           []map[string]any `json:"items"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("read the list of %s: %w", resource, err)
		}
		found = append(found, page.Items...)
		return &page.ListMeta, nil
	}, func() { found = nil })
	for _, object := range found {
		take(object)
	}
	return err
}

// resourcePath is where the objects of a resource are, of one namespace or of all.
func resourcePath(apiVersion, namespace, resource string) string {
	path := "/apis/" + apiVersion
	if !strings.Contains(apiVersion, "/") {
		path = "/api/" + apiVersion
	}
	if namespace != "" {
		path += "/namespaces/" + namespace
	}
	return path + "/" + resource
}

// ownTemplates are the distinct templates of the cluster's own objects that meet a webhook or policy.
type ownTemplates struct {
	chain                      *admission.Chain
	target                     admission.Target
	namespaces                 map[string]*corev1.Namespace
	apiVersion, kind, resource string
	byKey                      map[string]*workload
	// asked, which may be nil, leaves out who is not looked at.
	asked func(admission.Calls) admission.Calls
}

func newOwnTemplates(chain *admission.Chain, target admission.Target, namespaces []corev1.Namespace, apiVersion, kind, resource string) *ownTemplates {
	o := &ownTemplates{
		chain: chain, target: target, namespaces: map[string]*corev1.Namespace{},
		apiVersion: apiVersion, kind: kind, resource: resource, byKey: map[string]*workload{},
	}
	for i := range namespaces {
		o.namespaces[namespaces[i].Name] = &namespaces[i]
	}
	return o
}

// add takes an object that is to be created in a namespace. name is that of the object it was made of.
func (o *ownTemplates) add(name, namespace string, object map[string]any, places []place) {
	ns := o.namespaces[namespace]
	if ns == nil || len(places) == 0 {
		return
	}
	calls := o.chain.AllFor(ns, o.target, &unstructured.Unstructured{Object: object})
	if o.asked != nil {
		calls = o.asked(calls)
	}
	if calls.None() {
		return
	}
	group := admission.Class{Namespaces: []*corev1.Namespace{ns}, Calls: calls}
	o.trial(group, contentOf(object), name, workloadTry{namespace, object, places, isTemplateKind(o.apiVersion, o.kind)})
}

// trial is that of all objects with the same content of which the same are told, with one more of them.
func (o *ownTemplates) trial(group admission.Class, content, name string, try workloadTry) *workload {
	key := fmt.Sprintf("%s\x00%q\x00%q\x00%s", strings.Join(callNames(group), "\n"), validatorsOf(group), group.Namespaces[0].Annotations, content)
	w := o.byKey[key]
	if w == nil {
		w = &workload{
			fact:   facts.WorkloadTrial{APIVersion: o.apiVersion, Kind: o.kind, Resource: o.resource, Class: newClass("", group, admission.Canary).fact},
			target: o.target, calls: group.Webhooks, validating: group.Validating,
		}
		o.byKey[key] = w
	}
	w.fact.Templates++
	if len(w.fact.Examples) < shapeExamples {
		w.fact.Examples = append(w.fact.Examples, name)
		w.tries = append(w.tries, try)
	}
	if !slices.Contains(w.fact.Class.Namespaces, try.namespace) {
		w.fact.Class.Namespaces = append(w.fact.Class.Namespaces, try.namespace)
	}
	return w
}

// contentOf is equal for objects that differ only in their names and namespaces.
func contentOf(object map[string]any) string {
	rest := maps.Clone(object)
	meta, _ := rest["metadata"].(map[string]any)
	meta = maps.Clone(meta)
	for _, key := range []string{"name", "namespace", "ownerReferences"} {
		delete(meta, key)
	}
	rest["metadata"] = meta
	raw, err := json.Marshal(rest)
	if err != nil {
		return fmt.Sprint(rest)
	}
	return fmt.Sprintf("%x", sha256.Sum256(raw))
}

// list is what is to be tried, that of most workloads first.
func (o *ownTemplates) list() []workload {
	out := make([]workload, 0, len(o.byKey))
	for _, w := range o.byKey {
		slices.Sort(w.fact.Class.Namespaces)
		out = append(out, *w)
	}
	slices.SortFunc(out, func(a, b workload) int {
		return cmp.Or(b.fact.Templates-a.fact.Templates, cmp.Compare(a.fact.Examples[0], b.fact.Examples[0]))
	})
	return out
}
