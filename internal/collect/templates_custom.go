package collect

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// customWorkload is the kind of gaps about custom resources as a whole.
const customWorkload = "CustomResource"

// A customKind is a kind of custom resources whose objects have, or may have, lists of init containers.
type customKind struct {
	group, resource, kind string
	namespaced            bool
	served                []string
	// version is the served one in which objects are stored, or the first.
	version string
	// paths are where its schema has lists of init containers that keep restartPolicy.
	paths []string
}

// customKindOf is what a CRD says of its objects; false when they have no place for init containers.
func customKindOf(d *crd, reduced *facts.CRD) (customKind, bool) {
	k := customKind{
		group: d.Spec.Group, resource: d.Spec.Names.Plural, kind: d.Spec.Names.Kind, namespaced: d.Spec.Scope == "Namespaced",
	}
	open := d.Spec.PreserveUnknownFields
	for i := range d.Spec.Versions {
		v := &d.Spec.Versions[i]
		if !v.Served {
			continue
		}
		k.served = append(k.served, v.Name)
		if v.Storage || k.version == "" {
			k.version = v.Name
		}
		open = open || v.Schema.OpenAPIV3Schema.open()
	}
	for _, v := range reduced.Versions {
		if v.Name == k.version {
			k.paths = v.Keeps
		}
	}
	return k, len(k.served) > 0 && (open || len(k.paths) > 0)
}

// open reports whether a schema has something below which anything is kept.
func (s *crdSchema) open() bool {
	if s == nil {
		return false
	}
	if s.Preserve || s.Items.open() || s.more().open() {
		return true
	}
	for _, child := range s.Properties {
		if child.open() {
			return true
		}
	}
	return false
}

func (k customKind) target() admission.Target {
	return admission.Target{
		Kind:     schema.GroupVersionKind{Group: k.group, Version: k.version, Kind: k.kind},
		Resource: schema.GroupVersionResource{Group: k.group, Version: k.version, Resource: k.resource},
		Versions: k.served,
	}
}

// customWorkloads are the trials of custom resources: their own templates, and one of ours where the schema says where
// it belongs.
func (c *collector) customWorkloads(ctx context.Context, chain *admission.Chain, namespaces []corev1.Namespace) []workload {
	select {
	case <-c.crdsRead:
	case <-ctx.Done():
		return nil
	}
	if gaps := c.gapsOf(facts.CRDs, ""); len(gaps) > 0 && chain.SeesOthers(builtInGroups) {
		c.gap(facts.Canaries, facts.WorkloadInstance(customWorkload),
			"a webhook or policy may see custom resources with pod templates, and without the CRDs it is not known which: "+gaps[0].Reason, gaps[0].HowToClose())
	}
	var out []workload
	for _, k := range c.customKinds {
		target := k.target()
		plain, places := plainCustom(k)
		if !chain.MayMatch(target) && !chain.MayMatch(updateOf(target)) && !chain.MayRefuse(target) {
			continue
		}
		if !k.namespaced {
			c.ofTheCluster(ctx, k, len(places) > 0)
			continue
		}
		c.customs.allow(k.group, k.version, k.resource)
		if len(places) > 0 {
			out = append(out, plainCustomTrials(chain, k, namespaces, plain, places)...)
		}
		out = append(out, c.ownCustom(ctx, chain, k, namespaces, plain, places)...)
	}
	return out
}

// ofTheCluster records that custom resources which are not namespaced are not tried. Where nothing but a part of the schema
// that keeps anything could hold containers (has is false), as in the settings of many programs, that counts only if an object has some.
func (c *collector) ofTheCluster(ctx context.Context, k customKind, has bool) {
	about := facts.WorkloadInstance(k.kind)
	reason := fmt.Sprintf("a webhook or policy sees %s.%s, which are not namespaced and not tried", k.resource, k.group)
	if !has {
		right := listWorkload(k.group, k.resource)
		if c.forbidden(ctx, right, about) {
			return
		}
		var holders []string
		err := c.listObjects(ctx, k.group+"/"+k.version, "", k.resource, func(object map[string]any) {
			if len(placesIn(object)) > 0 {
				u := &unstructured.Unstructured{Object: object}
				holders = append(holders, k.kind+" "+u.GetName())
			}
		})
		if err != nil {
			c.failed(ctx, right, about, err)
			return
		}
		if len(holders) == 0 {
			return
		}
		reason += "; containers are in " + someOf(holders, shapeExamples)
	}
	c.gap(facts.Canaries, about, reason, customRemedy(k))
}

// builtInGroups are those whose kinds with pod templates have been tried already, or have none.
var builtInGroups = []string{
	"", "apps", "batch", "autoscaling", "policy", "extensions", "apiextensions.k8s.io", "admissionregistration.k8s.io", "rbac.authorization.k8s.io",
	"networking.k8s.io", "storage.k8s.io", "certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "scheduling.k8s.io",
	"authentication.k8s.io", "authorization.k8s.io", "resource.k8s.io", "node.k8s.io", "flowcontrol.apiserver.k8s.io",
}

func customRemedy(k customKind) facts.Remedy {
	return facts.Do("create one with a native sidecar by hand, and look for restartPolicy in what comes back:", "kubectl create --dry-run=server -o yaml -f FILE")
}

// plainCustom is an object of the kind with the plain canary's containers wherever its schema has init containers.
func plainCustom(k customKind) (map[string]any, []place) {
	pod := admission.Canary("")
	object := map[string]any{
		"apiVersion": k.group + "/" + k.version, "kind": k.kind,
		"metadata": map[string]any{"generateName": admission.CanaryPrefix, "labels": fromStrings(pod.Labels)},
	}
	var places []place
	for _, path := range k.paths {
		p := placeOf(object, path)
		if holder := p.holder(object); holder != nil {
			places = append(places, p)
			if p.list == "initContainers" {
				holder["containers"] = []any{asJSON(&pod.Spec.Containers[0])}
			}
		}
	}
	return object, places
}

func plainCustomTrials(chain *admission.Chain, k customKind, namespaces []corev1.Namespace, plain map[string]any, places []place) []workload {
	var out []workload
	for _, class := range chain.ClassesFor(namespaces, k.target(), &unstructured.Unstructured{Object: plain}) {
		w := workload{
			fact:   facts.WorkloadTrial{APIVersion: k.group + "/" + k.version, Kind: k.kind, Resource: k.resource + "." + k.group, Class: newClass("", class, admission.Canary).fact},
			target: k.target(), calls: class.Webhooks, validating: class.Validating,
		}
		for _, t := range plainTries(class.Namespaces, admission.Canary) {
			w.tries = append(w.tries, workloadTry{namespace: t.ns.Name, object: plain, places: places})
		}
		out = append(out, w)
	}
	return out
}

// ownCustom are the trials of the objects of a kind that there are, wherever they have containers.
func (c *collector) ownCustom(ctx context.Context, chain *admission.Chain, k customKind, namespaces []corev1.Namespace, plain map[string]any, places []place) []workload {
	right, about := listWorkload(k.group, k.resource), facts.WorkloadInstance(k.kind)
	if c.mayNotListWorkloads(ctx, right, about) {
		return nil
	}
	apiVersion := k.group + "/" + k.version
	own := newOwnTemplates(chain, k.target(), namespaces, apiVersion, k.kind, k.resource+"."+k.group)
	updates := newUpdater(own, namespaces, plain)
	err := c.listObjects(ctx, apiVersion, c.opts.Namespace, k.resource, func(object map[string]any) {
		object["apiVersion"], object["kind"] = apiVersion, k.kind
		updates.addUpdate(object, placesIn(object))
		u := &unstructured.Unstructured{Object: object}
		made := copyOf(object)
		own.add(fmt.Sprintf("%s %s/%s", k.kind, u.GetNamespace(), u.GetName()), u.GetNamespace(), made, placesIn(made))
	})
	if err != nil {
		c.failed(ctx, right, about, err)
	}
	if len(places) == 0 { // no object, and no place in the schema: who sees only updates has nothing to strip
		updates.only = nil
	}
	return append(own.list(), c.updatesOf(updates, plain, places)...)
}
