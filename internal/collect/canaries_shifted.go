package collect

import (
	"cmp"
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
)

// shiftedReason is why it is not certain whether a webhook is called that looks at what others add to the pod.
const shiftedReason = "what others add to the pod decides whether the API server calls it"

// noteShifted finds out who is called, or no longer called, because of what others have made of a canary: the API server
// asks the selectors and conditions of each webhook about the pod as those before it have left it. What that was is not
// known; as it came back, the pod has all of it. Who has nobody before it is called, or not, for what was sent.
func noteShifted(chain *admission.Chain, in *class, t try) {
	after := asReturned(t.pod, in.returned)
	if after == nil {
		return
	}
	if in.fact.User != "" {
		chain = chain.By(in.fact.User)
	}
	webhooks, policies := chain.Webhooks(t.ns, after), chain.Policies(t.ns, after)
	now, before := namesOf(slices.Concat(policies, webhooks)), slices.Concat(in.fact.Policies, in.fact.Webhooks)
	everybody := inOrder(chain, slices.Concat(now, before))
	uncertain := map[string]bool{}
	for i, name := range everybody {
		policy := !slices.Contains(namesOf(slices.Concat(webhooks, in.webhooks)), name)
		if earlier := i > 0 || policy && len(everybody) > 1; earlier && slices.Contains(before, name) != slices.Contains(now, name) {
			uncertain[name] = true
		}
	}
	for name := range uncertain {
		in.fact.Uncertain[name] = cmp.Or(in.fact.Uncertain[name], shiftedReason)
	}
	isNew := func(call admission.Call) bool { return uncertain[call.Name()] && !slices.Contains(before, call.Name()) }
	for _, call := range policies {
		if isNew(call) {
			in.fact.Policies = append(in.fact.Policies, call.Name())
		}
	}
	for _, call := range webhooks {
		if isNew(call) {
			in.webhooks = append(in.webhooks, call)
		}
	}
	slices.SortStableFunc(in.webhooks, func(a, b admission.Call) int {
		return slices.Index(everybody, a.Name()) - slices.Index(everybody, b.Name())
	})
	in.fact.Webhooks = namesOf(in.webhooks)
}

// inOrder sorts names as they are called, policies first, each once.
func inOrder(chain *admission.Chain, list []string) []string {
	return slices.DeleteFunc(chain.Names(), func(name string) bool { return !slices.Contains(list, name) })
}

// namesOf is never nil.
func namesOf(calls []admission.Call) []string {
	out := []string{}
	for _, call := range calls {
		out = append(out, call.Name())
	}
	return out
}

// asReturned is a canary as it came back, its own init containers as they were sent: what a stripper took away tells
// nothing about who was called before. It is nil where that cannot be told.
func asReturned(sent, returned *corev1.Pod) *corev1.Pod {
	raw, err := json.Marshal(returned)
	if err != nil {
		return nil
	}
	if raw, err = admission.Restore(sent, raw); err != nil {
		return nil
	}
	var after corev1.Pod
	if json.Unmarshal(raw, &after) != nil {
		return nil
	}
	after.Name, after.GenerateName = sent.Name, sent.GenerateName
	return &after
}
