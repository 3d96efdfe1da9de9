package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// createWorkload and listWorkload are the rights to try the templates of a kind.
func createWorkload(group, resource string) Rule {
	return Rule{
		PolicyRule: rule("create", group, resource), Kind: facts.Canaries,
		Why: "create workloads with dryRun=All, of the kinds whose templates a webhook or policy sees",
	}
}

func listWorkload(group, resource string) Rule {
	return Rule{
		PolicyRule: rule("list", group, resource), Kind: facts.Canaries,
		Why: "try the templates of the cluster's own workloads, of the kinds that a webhook or policy sees",
	}
}

// workloadRules are the rights that the dry-run creates and updates of workloads need.
func workloadRules() []Rule {
	var out []Rule
	for _, k := range facts.TemplateKinds {
		out = append(out, createWorkload(k.Group, k.Resource))
	}
	for _, k := range facts.TemplateKinds {
		out = append(out, listWorkload(k.Group, k.Resource))
	}
	for _, k := range facts.TemplateKinds {
		out = append(out, patchWorkload(k.Group, k.Resource))
	}
	return out
}

// CustomRules are the rights that trying the templates of a custom resource needs.
func CustomRules(group, resource string) []Rule {
	return []Rule{createWorkload(group, resource), listWorkload(group, resource), patchWorkload(group, resource)}
}

// templateTarget is the creation of an object of a kind.
func templateTarget(k facts.TemplateKind) admission.Target {
	return admission.Target{
		Kind:     schema.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Kind},
		Resource: schema.GroupVersionResource{Group: k.Group, Version: k.Version, Resource: k.Resource},
	}
}

// A workload is a facts.WorkloadTrial with what it takes to try it.
type workload struct {
	fact   facts.WorkloadTrial
	target admission.Target
	calls  []admission.Call // of webhooks
	// validating are those who can only refuse it.
	validating []admission.Call
	tries      []workloadTry
}

// A workloadTry is one object in one namespace, with its lists of init containers.
type workloadTry struct {
	namespace string
	object    map[string]any
	places    []place
	// fields is whether newer fields of pods are tried as well: only in the pod templates of built-in kinds, whose schema
	// keeps them.
	fields bool
}

// workloads creates objects with pod templates with dryRun=All, where a webhook or policy sees their creation: it may
// strip the template before any pod is made of it, or refuse the object for its sidecar.
func (c *collector) workloads(ctx context.Context, withCustom bool) {
	chain := c.admissionChain()
	if chain.Idle() {
		c.workloadsTried()
		return
	}
	namespaces := c.askedNamespaces(ctx)
	if len(namespaces) == 0 {
		return // a gap of the canaries says why
	}
	var all []workload
	own := ownObjects{}
	for _, k := range facts.TemplateKinds {
		all = append(all, c.workloadsOf(ctx, chain, k, namespaces, own)...)
	}
	if withCustom && c.opts.Workloads == nil {
		all = append(all, c.customWorkloads(ctx, chain, namespaces)...)
	}
	if c.opts.Workloads == nil {
		c.unmetByTemplates(chain, namespaces, all)
	}
	// Those with a template of ours come first: each stands for a whole kind. Then those that somebody may change.
	slices.SortStableFunc(all, func(a, b workload) int { return a.rank() - b.rank() })
	all = c.boundedWorkloads(all)
	for i := range all {
		all[i].fact.Class.ID = fmt.Sprintf("workload-%d", i+1)
	}
	each(canaryConcurrency, len(all), func(i int) { c.tryWorkload(ctx, &all[i]) })
	c.mu.Lock()
	for i := range all {
		c.snapshot.Workloads = append(c.snapshot.Workloads, all[i].fact)
	}
	c.mu.Unlock()
	if c.opts.Workloads == nil {
		c.updates(ctx, chain, namespaces)
	}
	c.workloadsTried()
}

func (w *workload) rank() int {
	rank := min(w.fact.Templates, 1) * 2
	if len(w.fact.Class.Webhooks)+len(w.fact.Class.Policies) == 0 {
		rank++
	}
	return rank
}

func (c *collector) workloadsTried() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot.WorkloadsTried, c.snapshot.ValidatedWorkloadsTried = true, true
}

// askedNamespaces are the namespaces that the caller asks for, with what webhooks may look at.
func (c *collector) askedNamespaces(ctx context.Context) []corev1.Namespace {
	all := c.places
	if len(c.gapsOf(facts.Namespaces, "")) > 0 {
		ns, ok := c.oneNamespace(ctx)
		if !ok {
			return nil
		}
		all = []corev1.Namespace{admission.TrimNamespace(ns)}
	}
	selector, err := labels.Parse(c.opts.Selector)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(all), func(ns corev1.Namespace) bool { return !c.opts.wants(&ns, selector) })
}

// boundedWorkloads leaves out what goes beyond the number of canaries that the caller allows.
func (c *collector) boundedWorkloads(all []workload) []workload {
	most := c.opts.mostCanaries()
	if len(all) <= most {
		return all
	}
	var left []string
	for _, w := range all[most:] {
		left = append(left, append(w.fact.Examples, w.fact.Kind)[0])
	}
	c.gap(facts.Canaries, facts.WorkloadInstance("Workload"), fmt.Sprintf("%d of %d templates of workloads were tried, not those of %s", most, len(all), someOf(left, shapeExamples)),
		facts.Do(fmt.Sprintf("allow more canaries: --max-canaries %d", len(all))))
	return all[:most]
}

// someOf names a few of many, and counts the rest.
func someOf(names []string, few int) string {
	out := strings.Join(names[:min(few, len(names))], ", ")
	if more := len(names) - few; more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}

// workloadsOf are the trials of one kind: a template of ours for each class of namespaces, and each distinct one of
// the cluster's own.
func (c *collector) workloadsOf(ctx context.Context, chain *admission.Chain, k facts.TemplateKind, namespaces []corev1.Namespace, objects ownObjects) []workload {
	target := templateTarget(k)
	if c.opts.Workloads != nil && !c.opts.hasKind(k) {
		return nil
	}
	if c.opts.Workloads != nil {
		c.onlyUpdates(chain, target, namespaces, plainWorkload(k))
	}
	if !chain.MayMatch(target) && !chain.MayMatch(updateOf(target)) && (c.opts.Workloads != nil || !chain.MayRefuse(target)) {
		return nil
	}
	places := []place{{list: "initContainers"}}
	for _, step := range append(slices.Clone(k.Path), "spec") {
		places[0].way = append(places[0].way, step)
	}
	var out []workload
	for _, class := range chain.ClassesFor(namespaces, target, &unstructured.Unstructured{Object: plainWorkload(k)}) {
		if class.Calls = c.askedAbout(class.Calls); class.None() {
			continue
		}
		w := workload{
			fact:   facts.WorkloadTrial{APIVersion: k.APIVersion(), Kind: k.Kind, Resource: k.String()},
			target: target, calls: class.Webhooks, validating: class.Validating,
		}
		w.fact.Class = newClass("", class, admission.Canary).fact
		for _, t := range plainTries(class.Namespaces, admission.Canary) {
			w.tries = append(w.tries, workloadTry{t.ns.Name, plainWorkload(k), places, true})
		}
		out = append(out, w)
	}
	own := newOwnTemplates(chain, target, namespaces, k.APIVersion(), k.Kind, k.String())
	own.asked = c.askedAbout
	if c.opts.Workloads != nil {
		c.addGiven(own, k, places)
		return own.list()
	}
	plain := plainWorkload(k)
	updates := newUpdater(own, namespaces, plain)
	for _, source := range sourcesOf(k) {
		c.addOwn(ctx, own, updates, k, source, places, objects)
	}
	out = append(out, own.list()...)
	return append(out, c.updatesOf(updates, plain, places)...)
}

// askedAbout are those of the calls that are looked at: whether workloads that are given keep their sidecars only those
// decide who may change them.
func (c *collector) askedAbout(calls admission.Calls) admission.Calls {
	if c.opts.Workloads != nil {
		calls.Validating = nil
	}
	return calls
}

func callNames(class admission.Class) []string {
	var out []string
	for _, call := range append(slices.Clone(class.Webhooks), class.Policies...) {
		out = append(out, call.Name())
	}
	return out
}
