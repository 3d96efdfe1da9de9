package collect

import (
	"cmp"
	"context"
	"slices"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// validatingWebhooks reads the configurations of the webhooks that can only refuse.
func (c *collector) validatingWebhooks(ctx context.Context) {
	if c.forbidden(ctx, listValidatingWebhooks, whole) {
		return
	}
	var configs []admissionregistrationv1.ValidatingWebhookConfiguration
	err := c.pages(ctx, func(ctx context.Context, opts metav1.ListOptions) (metav1.ListInterface, error) {
		list, err := c.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().List(ctx, opts)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			configs = append(configs, facts.TrimValidatingWebhooks(&list.Items[i]))
		}
		return list, nil
	}, func() { configs = nil })
	if err != nil {
		c.failed(ctx, listValidatingWebhooks, whole, err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot.ValidatingWebhooks = configs
}

// readValidatingDiscovery is readDiscovery for the policies that can only refuse.
var readValidatingDiscovery = Rule{
	PolicyRule: readDiscovery.PolicyRule, Kind: facts.ValidatingPolicies, Why: "know whether the cluster has validating policies",
}

// validatingAdmissionPolicies reads the policies that can only refuse, and their bindings, as mutatingPolicies does.
func (c *collector) validatingAdmissionPolicies(ctx context.Context) {
	policies, bindings, ok := readPolicies[admissionregistrationv1.ValidatingAdmissionPolicy, admissionregistrationv1.ValidatingAdmissionPolicyBinding](
		ctx, c, readValidatingDiscovery, listValidatingPolicies, listValidatingBindings)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.validatingPolicies, c.validatingBindings = policies, bindings
	c.snapshot.ValidatingPolicies = facts.ValidatingPoliciesOf(policies, bindings)
}

// validatorsOf are the validating webhooks and policies that are asked about the canary of a class. Where several
// namespaces are in it, it is not certain that it speaks for all of them if one of those may do something else in each.
func validatorsOf(group admission.Class) []facts.Validator {
	var out []facts.Validator
	for _, call := range group.Validating {
		v := facts.Validator{Called: call.Name(), Uncertain: call.Maybe}
		if len(group.Namespaces) > 1 {
			v.Uncertain = cmp.Or(v.Uncertain, call.Apart)
		}
		out = append(out, v)
	}
	return out
}

// validatingWebhooksOf are those of the calls that are of webhooks, whose code may look at anything.
func validatingWebhooksOf(calls []admission.Call) []admission.Call {
	return slices.DeleteFunc(slices.Clone(calls), func(call admission.Call) bool { return call.Webhook == "" })
}

// slowestValidator is the time that validating webhooks have: the API server calls all of them at once.
func (c *collector) slowestValidator(calls []admission.Call) time.Duration {
	var out time.Duration
	for _, call := range validatingWebhooksOf(calls) {
		out = max(out, validatorTimeout(c.snapshot.ValidatingWebhooks, call))
	}
	return out
}

func validatorTimeout(configs []admissionregistrationv1.ValidatingWebhookConfiguration, call admission.Call) time.Duration {
	for i := range configs {
		for _, w := range configs[i].Webhooks {
			if configs[i].Name == call.Configuration && w.Name == call.Webhook && w.TimeoutSeconds != nil {
				return time.Duration(*w.TimeoutSeconds) * time.Second
			}
		}
	}
	return reviewTimeout(nil)
}

// attractedByValidators are classes for the validating webhooks and policies that no canary would meet, as attracted are
// for the mutating ones.
func (c *collector) attractedByValidators(chain *admission.Chain, namespaces []corev1.Namespace, all []class) []class {
	met := map[string]bool{}
	for i := range all {
		for _, v := range all[i].fact.Validating {
			met[v.Called] = true
		}
	}
	validators := chain.Validators()
	var kinds []*corev1.Namespace
	var out []class
	for _, name := range validators.Names() {
		if met[name] {
			continue
		}
		if kinds == nil {
			kinds = validators.Kinds(namespaces)
		}
		pod, selectable := attract(validators, kinds, name)
		switch {
		case pod != nil:
			out = append(out, attractedBy(chain, namespaces, asValidator(name), pod)...)
		case selectable:
			c.add(facts.UntriedValidator(name, "no canary met it: no pod template, no running pod and no plain pod is what its conditions ask for"))
		}
	}
	return out
}

// noteShiftedValidators finds out who else is asked about a canary because of what others have made of it: those who
// validate see the pod as it was returned. Who is asked about that in some namespaces of the class only may not have
// been asked where the canary was.
func noteShiftedValidators(chain *admission.Chain, in *class, t try) {
	if in.returned == nil || len(in.fact.Webhooks)+len(in.fact.Policies) == 0 {
		return
	}
	if in.fact.User != "" {
		chain = chain.By(in.fact.User)
	}
	known := map[string]bool{}
	for _, v := range in.fact.Validating {
		known[v.Called] = true
	}
	others := chain.Validators().Besides(known)
	if others.Empty() {
		return
	}
	here := map[string]bool{}
	for _, call := range others.All(t.ns, in.returned) {
		here[call.Name()] = call.Maybe == ""
	}
	var namespaces []corev1.Namespace
	for _, ns := range in.namespaces {
		namespaces = append(namespaces, *ns)
	}
	for _, ns := range others.Kinds(namespaces) {
		for _, call := range others.All(ns, in.returned) {
			name := call.Name()
			if known[name] {
				continue
			}
			known[name] = true
			v := facts.Validator{Called: name}
			if !here[name] {
				v.Uncertain = cmp.Or(call.Maybe, shiftedReason)
			}
			in.fact.Validating = append(in.fact.Validating, v)
		}
	}
}
