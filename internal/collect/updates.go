package collect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var (
	listSidecarPods = Rule{
		PolicyRule: rule("list", "", "pods"), Kind: facts.Canaries,
		Why: "find pods with native sidecars, where a webhook or policy sees updates of pods",
	}
	patchPods = Rule{
		PolicyRule: rule("patch", "", "pods"), Kind: facts.Canaries,
		Why: "set a label of such a pod with dryRun=All, to see whether it can be updated",
	}
	updateRules = []Rule{listSidecarPods, patchPods}
)

// canaryLabel is what the patch of a pod would set. No selector of anybody has it.
const canaryLabel = "kubectl-sidecar-canary"

// An update is a facts.PodUpdate with what it takes to try it.
type update struct {
	fact  facts.PodUpdate
	pod   corev1.Pod
	ns    *corev1.Namespace
	calls []admission.Call
}

// updates sets a label of pods with native sidecars with dryRun=All, where a webhook or policy sees updates of pods: if
// it strips the field, the API server rejects the update, and every other one.
func (c *collector) updates(ctx context.Context, chain *admission.Chain, namespaces []corev1.Namespace) {
	target := admission.PodUpdate
	plain := &unstructured.Unstructured{Object: asJSON(admission.Canary(""))}
	classes := chain.ClassesFor(namespaces, target, plain)
	if !chain.MayMatch(target) {
		return
	}
	all, listed := c.podsToUpdate(ctx, chain, namespaces)
	// A class without such a pod: its webhooks are asked directly.
	for _, class := range classes {
		if listed && slices.ContainsFunc(all, func(u update) bool { return u.speaksFor(class) }) {
			continue
		}
		u := update{calls: class.Webhooks, ns: class.Namespaces[0], pod: *admission.Canary(class.Namespaces[0].Name)}
		u.fact.Class = newClass("", class, admission.Canary).fact
		all = append(all, u)
	}
	most := c.opts.mostCanaries()
	if len(all) > most {
		c.gap(facts.Canaries, facts.UpdateInstance, fmt.Sprintf("%d of %d kinds of pods were updated", most, len(all)),
			facts.Do(fmt.Sprintf("allow more canaries: --max-canaries %d", len(all))))
		all = all[:most]
	}
	for i := range all {
		all[i].fact.Class.ID = fmt.Sprintf("update-%d", i+1)
	}
	each(canaryConcurrency, len(all), func(i int) { c.tryUpdate(ctx, &all[i]) })
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range all {
		c.snapshot.PodUpdates = append(c.snapshot.PodUpdates, all[i].fact)
	}
}

// speaksFor reports whether what becomes of the update is what becomes of one in the namespaces of a class.
func (u *update) speaksFor(class admission.Class) bool {
	actors := append(slices.Clone(u.fact.Class.Webhooks), u.fact.Class.Policies...)
	return slices.Equal(actors, callNames(class)) && maps.Equal(u.ns.Annotations, class.Namespaces[0].Annotations)
}

// podsToUpdate are pods with native sidecars whose updates somebody sees: one of those that are alike.
func (c *collector) podsToUpdate(ctx context.Context, chain *admission.Chain, namespaces []corev1.Namespace) (out []update, listed bool) {
	if c.mayNotListWorkloads(ctx, listSidecarPods, facts.UpdateInstance) {
		return nil, false
	}
	byName := map[string]*corev1.Namespace{}
	for i := range namespaces {
		byName[namespaces[i].Name] = &namespaces[i]
	}
	var seen map[string]int
	restart := func() { out, seen = nil, map[string]int{} }
	restart()
	err := longList(ctx, c, listRequest{namespace: c.opts.Namespace, resource: "pods"}, func(page *corev1.PodList) {
		for i := range page.Items {
			pod := &page.Items[i]
			ns := byName[pod.Namespace]
			if ns == nil || !c.asksFor(pod) && (pod.DeletionTimestamp != nil || !hasSidecar(pod)) {
				continue
			}
			pod.APIVersion, pod.Kind = "v1", "Pod"
			webhooks, policies := chain.CallsFor(ns, admission.PodUpdate, &unstructured.Unstructured{Object: asJSON(pod)})
			group := admission.Class{Namespaces: []*corev1.Namespace{ns}, Calls: admission.Calls{Webhooks: webhooks, Policies: policies}}
			if len(webhooks)+len(policies) == 0 {
				continue
			}
			key := strings.Join(append(callNames(group), likeness(pod)...), "\n") + fmt.Sprintf("\x00%q", ns.Annotations)
			at, known := seen[key]
			if !known {
				seen[key] = len(out)
				out = append(out, update{fact: facts.PodUpdate{Class: newClass("", group, admission.Canary).fact, Pod: pod.Name}, pod: *pod, ns: ns, calls: webhooks})
				continue
			}
			if class := &out[at].fact.Class; !slices.Contains(class.Namespaces, pod.Namespace) {
				class.Namespaces = append(class.Namespaces, pod.Namespace)
			}
		}
	}, restart)
	if err != nil {
		c.failed(ctx, listSidecarPods, facts.UpdateInstance, err)
	}
	return out, err == nil
}

// asksFor reports whether the caller asks for the pod.
func (c *collector) asksFor(pod *corev1.Pod) bool {
	return slices.ContainsFunc(c.opts.Pods, func(p corev1.Pod) bool { return p.Namespace == pod.Namespace && p.Name == pod.Name })
}

func hasSidecar(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool {
		return facts.RestartsAlways(&c)
	})
}

// likeness is equal for pods of which one speaks for the others: those of one maker, and what differs from them in names
// and numbers only. A daemon's affinity is its node's name.
func likeness(pod *corev1.Pod) []string {
	like := admission.OfRunning(pod)
	if owner := metav1.GetControllerOf(pod); owner != nil && owner.Kind == "DaemonSet" {
		like.Spec.Affinity = nil
	}
	return []string{like.Content()}
}

// tryUpdate patches the pod; where there is none, it asks the webhooks about an update of ours.
func (c *collector) tryUpdate(ctx context.Context, u *update) {
	object := asJSON(&u.pod)
	places := []place{{way: []any{"spec"}, list: "initContainers"}}
	canary := &facts.Canary{Class: u.fact.Class.ID, Namespace: u.pod.Namespace, Sent: podAt(object, places)}
	t := workloadTry{namespace: u.pod.Namespace, object: object, places: places}
	if u.fact.Pod == "" {
		canary.Reviews, _ = c.replayObject(ctx, u.calls, &admission.PodUpdate, t, object, canary.Sent)
		u.fact.Canary = canary
		return
	}
	if ok, why := c.mayIn(ctx, patchPods, u.pod.Namespace); !ok {
		c.gap(facts.Canaries, u.fact.Instance(), notAllowed(patchPods.In(u.pod.Namespace), why), patchPods.In(u.pod.Namespace).remedy())
		return
	}
	returned, err := c.patchPod(ctx, u)
	if err != nil {
		canary.Refusal = refusal(err)
	} else {
		canary.Returned = reduce(&u.pod, returned)
	}
	if len(u.calls)+len(u.fact.Class.Policies) > 1 && (err != nil || len(canary.Changes()) > 0) {
		canary.Reviews, _ = c.replayObject(ctx, u.calls, &admission.PodUpdate, t, object, canary.Sent)
	}
	u.fact.Canary = canary
}

// patchPod sets one label of a pod with dryRun=All.
func (c *collector) patchPod(ctx context.Context, u *update) (*corev1.Pod, error) {
	ctx, cancel := c.request(ctx, c.createTimeout(&class{webhooks: u.calls}))
	defer cancel()
	return c.client.CoreV1().Pods(u.pod.Namespace).Patch(ctx, u.pod.Name, mergePatch, labelPatch(), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
}
