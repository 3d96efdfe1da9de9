package collect

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A plan is which canaries to send first, and what it takes to find out which to send after them.
type plan struct {
	senders
	namespaces []corev1.Namespace
	classes    []class
}

// plan sorts the namespaces of the snapshot, as far as the caller asks for them, by the webhooks
// and policies that a canary would meet there. It records a gap and returns none when that cannot
// be known.
func (c *collector) plan(ctx context.Context) (p plan) {
	namespaces, ok := c.canaryNamespaces(ctx)
	if !ok {
		return p
	}
	if len(c.gapsOf(facts.MutatingWebhooks, "")) > 0 && c.opts.Namespace == "" {
		c.gap(facts.Canaries, whole, "without the mutating webhooks it is not known for which namespaces one canary speaks",
			facts.Do(c.gapsOf(facts.MutatingWebhooks, "")[0].Remedy+"; or ask for one namespace: --namespace NAME"))
		return p
	}
	chain := c.admissionChain()
	templates, accounts := c.templates(ctx)
	p.senders, p.namespaces = c.sendersOf(ctx, chain, templates, accounts), namespaces
	var out []class
	var all []*corev1.Namespace
	for i, group := range p.chain.Classes(namespaces, admission.Canary("")) {
		out = append(out, newClass(fmt.Sprintf("class-%d", i+1), group, admission.Canary))
		all = append(all, group.Namespaces...)
	}
	plain := out
	out = append(out, c.shapes(p.senders, templates, all)...)
	out = append(out, c.created(p.senders, namespaces, plain)...)
	out = append(out, c.attracted(p.chain, namespaces, out)...)
	out = append(out, c.attractedByValidators(p.chain, namespaces, out)...)
	p.classes = c.bounded(numbered(out, 0), 0)
	return p
}

// admissionChain is what the snapshot's webhooks and the policies do, with their conditions compiled once. Only who has
// read them may ask for it, and nobody at the same time.
func (c *collector) admissionChain() *admission.Chain {
	if c.chain == nil {
		c.chain = admission.NewChain(admission.Config{
			Webhooks: c.snapshot.MutatingWebhooks, Policies: c.policies, Bindings: c.bindings,
			ValidatingWebhooks: c.snapshot.ValidatingWebhooks, ValidatingPolicies: c.validatingPolicies, ValidatingBindings: c.validatingBindings,
		})
	}
	return c.chain
}

// wants reports whether the caller asks for a namespace in which something can be created.
func (o *Options) wants(ns *corev1.Namespace, selector labels.Selector) bool {
	return (o.Namespace == "" || ns.Name == o.Namespace) && (o.Workloads == nil || o.hasWorkloadIn(ns.Name)) && selector.Matches(labels.Set(ns.Labels)) &&
		ns.DeletionTimestamp == nil && ns.Status.Phase != corev1.NamespaceTerminating
}

// numbered numbers the classes of namespaces, after n others.
func numbered(classes []class, n int) []class {
	for i := range classes {
		if classes[i].fact.Shape == nil {
			n++
			classes[i].fact.ID = fmt.Sprintf("class-%d", n)
		}
	}
	return classes
}

func newClass(id string, group admission.Class, canary func(namespace string) *corev1.Pod) class {
	fact := facts.Class{ID: id, Namespaces: []string{}, Webhooks: []string{}, Uncertain: map[string]string{}}
	for _, ns := range group.Namespaces {
		fact.Namespaces = append(fact.Namespaces, ns.Name)
	}
	for _, call := range group.Webhooks {
		fact.Webhooks = append(fact.Webhooks, call.Name())
	}
	for _, call := range group.Policies {
		fact.Policies = append(fact.Policies, call.Name())
	}
	fact.Validating = validatorsOf(group)
	if !group.None() && len(group.Namespaces) > 0 {
		fact.Annotations = sortedKeys(group.Namespaces[0].Annotations)
	}
	for _, call := range slices.Concat(group.Webhooks, group.Policies) {
		if call.Maybe != "" {
			fact.Uncertain[call.Name()] = call.Maybe
		}
	}
	return class{fact: fact, namespaces: group.Namespaces, webhooks: group.Webhooks, validating: group.Validating, tries: plainTries(group.Namespaces, canary)}
}

// canaryNamespaces are the namespaces that the caller asks for and that still take pods.
func (c *collector) canaryNamespaces(ctx context.Context) ([]corev1.Namespace, bool) {
	all := c.places
	if gaps := c.gapsOf(facts.Namespaces, ""); len(gaps) > 0 {
		ns, ok := c.oneNamespace(ctx)
		if !ok {
			// Reports show the gaps of the kinds that checks need, of which namespaces are none.
			c.gap(facts.Canaries, whole, "without the list of namespaces it is not known where canaries are needed: "+gaps[0].Reason,
				facts.Do(gaps[0].Remedy+"; or ask for one namespace: --namespace NAME"))
			return nil, false
		}
		all = []corev1.Namespace{admission.TrimNamespace(ns)}
	}
	selector, err := labels.Parse(c.opts.Selector)
	if err != nil {
		c.gap(facts.Canaries, whole, fmt.Sprintf("the label selector cannot be read: %v", err), facts.Do("write it as: -l key=value"))
		return nil, false
	}
	var out []corev1.Namespace
	for _, ns := range all {
		if c.opts.wants(&ns, selector) {
			out = append(out, ns)
		}
	}
	c.noteLimits(len(out), len(all))
	missing := c.opts.Namespace != "" && !slices.ContainsFunc(all, func(ns corev1.Namespace) bool { return ns.Name == c.opts.Namespace })
	switch {
	case missing:
		c.gap(facts.Canaries, whole, fmt.Sprintf("namespace %s does not exist", c.opts.Namespace), facts.Do("see what there is:", "kubectl get namespaces"))
	case len(out) == 0 && c.opts.Workloads != nil:
		return nil, false // whoever asks for workloads says where there are none
	case len(out) == 0:
		c.gap(facts.Canaries, whole, "no namespace that takes pods is among those asked for", facts.Do("ask for others: --namespace NAME, -l SELECTOR"))
	}
	return out, len(out) > 0
}

// noteLimits tells the reader of the report how the caller narrowed the question.
func (c *collector) noteLimits(asked, all int) {
	if c.opts.Namespace == "" && c.opts.Selector == "" {
		return
	}
	what := ""
	if c.opts.Namespace != "" {
		what = "namespace " + c.opts.Namespace
	}
	if c.opts.Selector != "" {
		if what != "" {
			what += " and "
		}
		what += "namespaces with " + c.opts.Selector
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot.Limits = append(c.snapshot.Limits, fmt.Sprintf("canaries: %s only (%d of %d namespaces)", what, asked, all))
}

// oneNamespace reads the namespace that the caller asks for, which is often allowed where listing
// is not.
func (c *collector) oneNamespace(ctx context.Context) (*corev1.Namespace, bool) {
	if c.opts.Namespace == "" {
		return nil, false
	}
	ctx, cancel := c.reading(ctx)
	defer cancel()
	ns, err := c.client.CoreV1().Namespaces().Get(ctx, c.opts.Namespace, metav1.GetOptions{})
	return ns, err == nil
}
