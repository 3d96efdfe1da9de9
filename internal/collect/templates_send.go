package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// tryWorkload creates one of the objects of a trial with dryRun=All, the first that its namespace takes, or updates it.
func (c *collector) tryWorkload(ctx context.Context, w *workload) {
	right, send := createWorkload(w.target.Resource.Group, w.target.Resource.Resource), c.createWithFields
	switch w.fact.Update {
	case facts.ByReview:
		c.askAboutUpdate(ctx, w)
		return
	case facts.ByPatch:
		right, send = patchWorkload(w.target.Resource.Group, w.target.Resource.Resource), c.updateWithLabel
	}
	why, denied := "", ""
	for _, t := range w.tries {
		if ctx.Err() != nil {
			break
		}
		if ok, reason := c.mayIn(ctx, right, t.namespace); !ok {
			why, denied = reason, t.namespace
			continue
		}
		object, canary, err := send(ctx, w, t)
		w.fact.Canary = canary
		if notTaken(canary.Refusal) || w.fact.Update != "" && apierrors.IsNotFound(err) {
			continue
		}
		c.followUp(ctx, w, t, object, err)
		return
	}
	switch {
	case ctx.Err() != nil:
		reason, remedy, _ := ended(ctx)
		c.gap(facts.Canaries, w.fact.Instance(), reason, remedy)
	case w.fact.Canary == nil:
		c.gap(facts.Canaries, w.fact.Instance(), notAllowed(right.In(denied), why), right.In(denied).remedy())
	}
}

// followUp asks what an answer leaves open: who is to blame, or, of an object that was refused with err, whether it is for
// its sidecar.
func (c *collector) followUp(ctx context.Context, w *workload, t workloadTry, object map[string]any, err error) {
	canary := w.fact.Canary
	if refusedAsStripped(canary.Refusal) && w.fact.Update == "" {
		canary.Template = c.serverKeepsField(ctx, t.namespace)
	}
	switch {
	case err == nil || w.fact.Update != "":
		c.blame(ctx, w, t, object)
	case c.opts.Workloads == nil && forWhatItIs(canary.Refusal):
		w.fact.Control, _ = c.createWorkload(ctx, w, t, withoutSidecars(object, t.places))
		w.fact.Control.Control = true
		if r := w.fact.Control.Refusal; r != nil && forWhatItIs(r) {
			w.fact.Bare, _ = c.createWorkload(ctx, w, t, withoutInitContainers(object, t.places))
			w.fact.Bare.Control = true
		}
	}
}

// notTaken reports whether a namespace takes no such object, whatever is in it.
func notTaken(r *facts.Refusal) bool {
	if r == nil {
		return false
	}
	cause, _ := r.Cause()
	return cause == facts.CauseNamespace || cause == facts.CauseAccess
}

// forWhatItIs reports whether an object was refused for what it is: the same without a native sidecar then tells whether
// that is why.
func forWhatItIs(r *facts.Refusal) bool {
	cause, _ := r.Cause()
	return slices.Contains([]facts.Cause{facts.CauseDenied, facts.CausePolicy, facts.CauseExpression, facts.CauseOther}, cause)
}

// createWorkload posts an object with dryRun=All. The error is that in the canary's refusal.
func (c *collector) createWorkload(ctx context.Context, w *workload, t workloadTry, object map[string]any) (*facts.Canary, error) {
	canary := &facts.Canary{Class: w.fact.Class.ID, Namespace: t.namespace, Sent: podAt(object, t.places)}
	body, err := json.Marshal(object)
	if err != nil {
		canary.Refusal = &facts.Refusal{Message: err.Error()}
		return canary, err
	}
	ctx, cancel := c.request(ctx, c.workloadTimeout(w))
	defer cancel()
	answer := c.client.Discovery().RESTClient().Post().AbsPath(resourcePath(w.fact.APIVersion, t.namespace, w.target.Resource.Resource)).
		SetHeader("Content-Type", "application/json").SetHeader("Accept", "application/json").
		Param("dryRun", "All").Body(body).Do(ctx)
	raw, err := answer.Raw()
	if err != nil {
		if full := answer.Error(); full != nil {
			err = full
		}
		canary.Refusal = refusal(err)
		return canary, err
	}
	var returned map[string]any
	if err := json.Unmarshal(raw, &returned); err != nil {
		canary.Refusal = &facts.Refusal{Message: "what came back cannot be read: " + err.Error()}
		return canary, err
	}
	canary.Returned = podAt(returned, t.places)
	if t.fields {
		before := t.podOf(object)
		canary.Fields = &facts.FieldTrial{Sent: facts.FieldsOf(before), Lost: facts.LostFields(before, t.podOf(returned))}
	}
	return canary, nil
}

func (c *collector) workloadTimeout(w *workload) time.Duration {
	return c.createTimeout(&class{webhooks: w.calls, validating: w.validating})
}

// blame looks for who changed the template.
func (c *collector) blame(ctx context.Context, w *workload, t workloadTry, object map[string]any) {
	canary := w.fact.Canary
	lost := canary.Fields != nil && len(canary.Fields.Lost) > 0
	if canary.Refusal != nil { // an update that would change what nobody may change, or was denied
		canary.Reviews, _ = c.replayObject(ctx, w.calls, &w.target, t, object, canary.Sent)
		return
	}
	if len(canary.Changes()) == 0 && !lost {
		canary.Reviews, _ = c.replayObject(ctx, c.skippable(w.calls), &w.target, t, object, canary.Sent)
		return
	}
	if len(canary.Changes()) > 0 {
		canary.Template = c.serverKeepsField(ctx, t.namespace)
	}
	if canary.Template == facts.TemplateLost || len(w.calls)+len(w.fact.Class.Policies) < 2 {
		return
	}
	var missing []*missingRight
	canary.Reviews, missing = c.replayObject(ctx, w.calls, &w.target, t, object, canary.Sent)
	if len(missing) > 0 && !attributed(canary) {
		c.gap(facts.Canaries, w.fact.Instance(), "it is not known which of the webhooks there did it: "+missing[0].Error(), missing[0].remedy())
	}
}

// skippable are the webhooks that the API server skips where they do not answer, and those that may do nothing in a dry
// run: that nothing happened may mean that they did not.
func (c *collector) skippable(calls []admission.Call) []admission.Call {
	return slices.DeleteFunc(slices.Clone(calls), func(call admission.Call) bool {
		w := c.webhook(call)
		return !facts.FailsOpen(w) && !facts.IdleOnDryRun(w)
	})
}

// serverKeepsField says whether the API server itself keeps the field, by a canary that did, or by a PodTemplate that no
// webhook sees.
func (c *collector) serverKeepsField(ctx context.Context, namespace string) facts.Template {
	c.mu.Lock()
	kept := slices.ContainsFunc(c.snapshot.Canaries, func(canary facts.Canary) bool {
		return canary.Returned != nil && !canary.Control && len(canary.Changes()) == 0
	})
	c.mu.Unlock()
	if kept {
		return facts.TemplateKept
	}
	if c.templatesSeen() {
		return facts.TemplateUnknown
	}
	pod := admission.Canary(namespace)
	spec, err := c.defaulted(ctx, pod)
	return templateOf(pod, spec, err)
}

// templatesSeen reports whether a webhook or policy sees PodTemplates, which then do not tell what the API server itself
// does.
func (c *collector) templatesSeen() bool {
	sees := func(kinds []string) bool { return slices.Contains(kinds, "PodTemplate") }
	for _, config := range c.snapshot.MutatingWebhooks {
		for _, w := range config.Webhooks {
			if sees(facts.SeesTemplates(w.Rules)) {
				return true
			}
		}
	}
	return slices.ContainsFunc(c.snapshot.MutatingPolicies, func(p facts.MutatingPolicy) bool {
		return len(p.Bindings) > 0 && sees(p.MatchesTemplates)
	})
}

// replayObject asks the webhooks one after the other what they do to an object, as replay does with pods.
func (c *collector) replayObject(ctx context.Context, calls []admission.Call, about *admission.Target, t workloadTry, object map[string]any, sent *corev1.Pod) (out []facts.Review, missing []*missingRight) {
	for _, call := range calls {
		review := facts.Review{Webhook: call.Name()}
		answer, method, err := c.askAbout(ctx, call, about, t.namespace, object)
		review.Method = method
		if err == nil && !answer.Allowed {
			review.Denied = denial(answer)
		} else if err == nil {
			review.Operations = len(answer.Patch)
			var after map[string]any
			if err = json.Unmarshal(answer.Pod, &after); err == nil {
				review.Changes = facts.Changes(sent, podAt(after, t.places))
				review.LostFields = t.lostFields(object, after)
			}
			if len(review.Changes) > 0 {
				review.Patch = answer.Touching(pointerTo(t.places[0]))
			} else if err == nil && len(review.LostFields) == 0 {
				object = after // the next one sees what this one has changed
			}
		}
		review.Outcome = outcomeOf(ctx, err)
		var right *missingRight
		if errors.As(err, &right) {
			missing = append(missing, right)
		}
		if err != nil {
			review.Error = oneLine(err.Error())
		}
		out = append(out, review)
	}
	return out, missing
}

// askAbout sends one AdmissionReview with dryRun: true about an object that is no new pod.
func (c *collector) askAbout(ctx context.Context, call admission.Call, about *admission.Target, namespace string, object map[string]any) (*admission.Answer, facts.Method, error) {
	w := c.webhook(call)
	if ctx.Err() != nil || w == nil {
		return nil, "", &unanswered{facts.ReviewNotAsked, errors.New("the run ended before it was asked")}
	}
	u := unstructured.Unstructured{Object: object}
	u = *u.DeepCopy()
	u.SetNamespace(namespace)
	raw, err := u.MarshalJSON()
	if err != nil {
		return nil, "", err
	}
	return c.askWebhook(ctx, call, w, reviewed{namespace: namespace, object: raw, about: about})
}

// pointerTo is the JSON pointer to the list of a place.
func pointerTo(p place) string {
	out := ""
	for _, step := range p.way {
		out += fmt.Sprintf("/%v", step)
	}
	return out + "/" + p.list
}
