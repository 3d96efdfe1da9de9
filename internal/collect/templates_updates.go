package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// Workloads are created with dryRun=All, and those that there are updated: a webhook or policy may see only updates, or do
// something else then.

// patchWorkload is the right to try the updates of a kind.
func patchWorkload(group, resource string) Rule {
	return Rule{
		PolicyRule: rule("patch", group, resource), Kind: facts.Canaries,
		Why: "set a label of a workload with dryRun=All, to see whether an update strips its template",
	}
}

func updateOf(target admission.Target) admission.Target {
	target.Update = true
	return target
}

// An updater finds out which updates of a kind are to be tried.
type updater struct {
	*ownTemplates
	// only are those who see updates and not the creation of a template of ours.
	only []admission.Class
	// policies are those who see only updates of an object that has no native sidecar.
	policies []string
}

// newUpdater looks at a template of ours of that kind.
func newUpdater(of *ownTemplates, namespaces []corev1.Namespace, plain map[string]any) *updater {
	u := &updater{ownTemplates: newOwnTemplates(of.chain, updateOf(of.target), namespaces, of.apiVersion, of.kind, of.resource)}
	object := &unstructured.Unstructured{Object: plain}
	var created []string
	for _, class := range of.chain.ClassesFor(namespaces, of.target, object) {
		created = append(created, callNames(class)...)
	}
	for _, class := range of.chain.ClassesFor(namespaces, u.target, object) {
		if class = withoutCalls(class, created); len(callNames(class)) > 0 {
			u.only = append(u.only, class)
		}
	}
	return u
}

// withoutCalls is the class without the calls of these names.
func withoutCalls(class admission.Class, names []string) admission.Class {
	named := func(call admission.Call) bool { return slices.Contains(names, call.Name()) }
	class.Webhooks = slices.DeleteFunc(slices.Clone(class.Webhooks), named)
	class.Policies = slices.DeleteFunc(slices.Clone(class.Policies), named)
	return class
}

// addUpdate takes an object that there is. Where it has no native sidecar to lose, only those are asked who have not seen
// the creation of its like.
func (u *updater) addUpdate(object map[string]any, places []place) {
	o := &unstructured.Unstructured{Object: object}
	ns := u.namespaces[o.GetNamespace()]
	if ns == nil || len(places) == 0 || o.GetDeletionTimestamp() != nil || !u.chain.MayMatch(u.target) {
		return
	}
	seen, way := admission.Class{Namespaces: []*corev1.Namespace{ns}}, facts.ByPatch
	seen.Webhooks, seen.Policies = u.chain.CallsFor(ns, u.target, o)
	if len(callNames(seen)) > 0 && !hasSidecar(podAt(object, places)) {
		created := admission.Class{}
		created.Webhooks, created.Policies = u.chain.CallsFor(ns, creationOf(u.target), o)
		way, seen = facts.ByReview, withoutCalls(seen, callNames(created))
		for _, p := range seen.Policies {
			u.policies = append(u.policies, p.Name())
		}
		seen.Policies = nil
	}
	if len(callNames(seen)) == 0 {
		return
	}
	name := fmt.Sprintf("%s %s/%s", u.kind, o.GetNamespace(), o.GetName())
	w := u.trial(seen, contentOf(likeOthers(object)), name, workloadTry{o.GetNamespace(), object, places, isTemplateKind(u.apiVersion, u.kind)})
	w.fact.Update = way
}

func creationOf(target admission.Target) admission.Target {
	target.Update = false
	return target
}

// likeOthers is an object without what is different in each: its controllers' labels, what is of the server, the names of
// its owners.
func likeOthers(object map[string]any) map[string]any {
	out := copyOf(object)
	meta, _ := out["metadata"].(map[string]any)
	spec, _ := out["spec"].(map[string]any)
	delete(spec, "selector")
	for _, at := range [][]any{{"metadata", "labels"}, {"spec", "template", "metadata", "labels"}} {
		withoutKeys(out, at, admission.ControllerLabels)
	}
	var owners []any
	for _, owner := range (&unstructured.Unstructured{Object: object}).GetOwnerReferences() {
		owners = append(owners, owner.APIVersion+" "+owner.Kind)
	}
	meta["owners"] = owners
	return out
}

// updatesOf are the trials of updates of a kind: those of the cluster's own objects, and one of ours for each class that
// none of them speaks for. Policies that see only updates cannot be asked: they are named.
func (c *collector) updatesOf(u *updater, plain map[string]any, places []place) []workload {
	out := u.list()
	policies := u.policies
	for _, class := range u.only {
		if slices.ContainsFunc(out, func(w workload) bool { return w.speaksFor(class) }) {
			continue
		}
		for _, p := range class.Policies {
			policies = append(policies, p.Name())
		}
		if len(class.Webhooks) == 0 {
			continue
		}
		class.Policies = nil
		w := workload{
			fact:   facts.WorkloadTrial{APIVersion: u.apiVersion, Kind: u.kind, Resource: u.resource, Update: facts.ByReview},
			target: u.target, calls: class.Webhooks, tries: []workloadTry{{class.Namespaces[0].Name, plain, places, false}},
		}
		w.fact.Class = newClass("", class, admission.Canary).fact
		out = append(out, w)
	}
	slices.Sort(policies)
	for _, name := range slices.Compact(policies) {
		if !slices.ContainsFunc(out, func(w workload) bool { return slices.Contains(w.fact.Class.Policies, name) }) {
			c.notUpdated(u.target, name, "none of them has a native sidecar to try one on, and policies cannot be called directly")
		}
	}
	return out
}

// speaksFor reports whether the trial of an update met all those of a class, in a namespace like those of the class.
func (w *workload) speaksFor(class admission.Class) bool {
	met := slices.Concat(w.fact.Class.Webhooks, w.fact.Class.Policies)
	return w.fact.Update == facts.ByPatch && slices.Equal(w.fact.Class.Annotations, sortedKeys(class.Namespaces[0].Annotations)) &&
		len(except(callNames(class), met)) == 0
}

// onlyUpdates names who sees updates of a kind of object and not their creation, where nothing that there is can be
// updated: workloads of files.
func (c *collector) onlyUpdates(chain *admission.Chain, target admission.Target, namespaces []corev1.Namespace, object map[string]any) {
	of := newUpdater(newOwnTemplates(chain, target, namespaces, "", "", ""), namespaces, object)
	var names []string
	for _, class := range of.only {
		names = append(names, callNames(class)...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		c.notUpdated(target, name, "which are not tried")
	}
}

func except(list, gone []string) []string {
	return slices.DeleteFunc(list, func(name string) bool { return slices.Contains(gone, name) })
}

// notUpdated is the gap of one of those who see only updates of a kind.
func (c *collector) notUpdated(target admission.Target, name, why string) {
	c.gap(facts.Canaries, facts.Instance{Kind: target.Kind.Kind, Name: name, Part: facts.PartWorkload},
		fmt.Sprintf("%s sees only updates of %s; %s", name, target.Resource.Resource, why),
		facts.Do(fmt.Sprintf("look for restartPolicy in the template of one that has a native sidecar: kubectl label --dry-run=server -o yaml %s NAME canary=update", target.Resource.Resource)))
}

// updateWithLabel sets one label of an object that there is with dryRun=All. It returns the object, to ask others about.
func (c *collector) updateWithLabel(ctx context.Context, w *workload, t workloadTry) (map[string]any, *facts.Canary, error) {
	canary := &facts.Canary{Class: w.fact.Class.ID, Namespace: t.namespace, Sent: podAt(t.object, t.places)}
	name := (&unstructured.Unstructured{Object: t.object}).GetName()
	ctx, cancel := c.request(ctx, c.workloadTimeout(w))
	defer cancel()
	answer := c.client.Discovery().RESTClient().Patch(mergePatch).
		AbsPath(resourcePath(w.fact.APIVersion, t.namespace, w.target.Resource.Resource)+"/"+name).
		SetHeader("Accept", "application/json").Param("dryRun", metav1.DryRunAll).Body(labelPatch()).Do(ctx)
	raw, err := answer.Raw()
	if err != nil {
		if full := answer.Error(); full != nil {
			err = full
		}
		canary.Refusal = refusal(err)
		canary.Refusal.Message = withoutContent(canary.Refusal.Message)
		return t.object, canary, err
	}
	var returned map[string]any
	if err := json.Unmarshal(raw, &returned); err != nil {
		canary.Refusal = &facts.Refusal{Message: "what came back cannot be read: " + err.Error()}
		return t.object, canary, err
	}
	canary.Returned = podAt(returned, t.places)
	if before := t.podOf(t.object); t.fields { // only those that it has
		canary.Fields = &facts.FieldTrial{Sent: facts.FieldsOf(before), Lost: facts.LostFields(before, t.podOf(returned))}
	}
	return t.object, canary, nil
}

// immutable is what the API server says of a change that it does not allow, with all that there is in between.
var immutable = pattern.New(`(?s)Invalid value: .*(: field is immutable)`)

// withoutContent leaves the content of an object out of the API server's words.
func withoutContent(message string) string {
	message, _, _ = strings.Cut(immutable.ReplaceAllString(message, "Invalid value$1"), "\n")
	return message
}

// labelPatch sets one label.
func labelPatch() []byte { return []byte(`{"metadata":{"labels":{"` + canaryLabel + `":"update"}}}`) }

// askAboutUpdate asks the webhooks about the update of an object with a native sidecar, where none has one.
func (c *collector) askAboutUpdate(ctx context.Context, w *workload) {
	t := w.tries[0]
	object := withSidecar(t.object, t.places)
	if meta, _ := object["metadata"].(map[string]any); meta != nil && meta["name"] == nil {
		meta["name"] = admission.CanaryPrefix + "update"
	}
	w.fact.Canary = &facts.Canary{Class: w.fact.Class.ID, Namespace: t.namespace, Sent: podAt(object, t.places)}
	w.fact.Canary.Reviews, _ = c.replayObject(ctx, w.calls, &w.target, t, object, w.fact.Canary.Sent)
}
