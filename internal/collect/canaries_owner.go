package collect

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// sendOwned sends the canary of a try with the newer fields that the API server keeps, and again with an owner that exists if
// it is refused with one that does not. It returns the try that counts.
func (c *collector) sendOwned(ctx context.Context, class *class, t try) (try, facts.Canary) {
	sent, canary := c.sendWithFields(ctx, class, t)
	if other, ok := c.adopted(ctx, class, t, &canary); ok {
		return c.sendWithFields(ctx, class, other)
	}
	return sent, canary
}

// adopted is a try whose owner exists, where the canary was refused with one that is yet to come: some webhooks look up who
// owns a pod, and refuse what nobody owns (Kueue v0.17.0, pkg/controller/jobs/pod). It is false where no such owner exists,
// or may be listed.
func (c *collector) adopted(ctx context.Context, class *class, t try, canary *facts.Canary) (try, bool) {
	if canary.Refusal == nil || !forWhatItIs(canary.Refusal) {
		return t, false
	}
	owner, whose := admission.MadeUpOwner(t.pod)
	if owner == nil {
		return t, false
	}
	i := slices.IndexFunc(facts.TemplateKinds, func(k facts.TemplateKind) bool { return k.Kind == owner.Kind })
	if i < 0 {
		return t, false
	}
	kind, places := facts.TemplateKinds[i], []try{t}
	if whose == "" { // anybody's: any of the class will do
		places = class.tries[:min(canaryTries, len(class.tries))]
	}
	for _, place := range places {
		if o := c.ownerIn(ctx, kind, place, whose); o != nil {
			return try{place.ns, admission.Adopted(place.pod, o), place.own}, true
		}
	}
	return t, false
}

// ownerIn is the newest object of a kind in the namespace of a try; of those that whose controls, if that is not empty. It
// is nil where there is none in the first page, or where they cannot be listed: the refusal stands then, and is a gap.
func (c *collector) ownerIn(ctx context.Context, k facts.TemplateKind, t try, whose string) *metav1.PartialObjectMetadata {
	if ok, _ := c.mayIn(ctx, listWorkload(k.Group, k.Resource), t.ns.Name); !ok {
		return nil
	}
	ctx, cancel := c.reading(ctx)
	defer cancel()
	req := c.client.Discovery().RESTClient().Get().AbsPath(resourcePath(k.APIVersion(), t.ns.Name, k.Resource)).
		SetHeader("Accept", metadataOnly).Param("limit", "500")
	if whose != "" && k.Kind == "ReplicaSet" { // it has the labels of its pods
		of := maps.Clone(t.pod.Labels)
		delete(of, "pod-template-hash")
		req.Param("labelSelector", labels.SelectorFromSet(of).String())
	}
	raw, err := req.Do(ctx).Raw()
	var list metav1.PartialObjectMetadataList
	if err != nil || json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var newest *metav1.PartialObjectMetadata
	for i := range list.Items {
		o := &list.Items[i]
		by := metav1.GetControllerOf(o)
		if whose != "" && (by == nil || by.Name != whose) {
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&o.CreationTimestamp) {
			newest = o
		}
	}
	return newest
}
