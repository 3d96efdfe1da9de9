package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A replay is the chain of a class, asked one after the other what they do to a canary.
type replay struct {
	class *class
	sent  *corev1.Pod
	// pod is what the next one is asked about.
	pod     json.RawMessage
	reviews []facts.Review
	// missing are the rights that were missing.
	missing []*missingRight
}

// replay asks the webhooks of the class one after the other what they do to the canary, as the API
// server does: each sees what those before it have changed, and those with reinvocationPolicy IfNeeded see
// what those after them have changed. What a webhook takes from the sidecars, also from those that others have
// added, is restored before the next one is asked, so a second culprit shows, too.
func (c *collector) replay(ctx context.Context, class *class, sent *corev1.Pod) *replay {
	r := &replay{class: class, sent: sent}
	var err error
	if r.pod, err = json.Marshal(c.asSeen(ctx, sent)); err != nil {
		return r
	}
	for _, call := range class.webhooks {
		review, goesOn := r.ask(ctx, c, call)
		r.reviews = append(r.reviews, review)
		if !goesOn {
			return r
		}
	}
	r.again(ctx, c)
	return r
}

// again is the API server's second round: webhooks that want it are called again if one after them has changed
// the pod. There is no third.
func (r *replay) again(ctx context.Context, c *collector) {
	changed := -1
	for i := range r.reviews {
		if r.reviews[i].Operations > 0 {
			changed = i
		}
	}
	for i, call := range r.class.webhooks {
		w := c.webhook(call)
		if i >= changed || i >= len(r.reviews) || w == nil || r.reviews[i].Outcome != facts.ReviewAnswered || !reinvoked(w) {
			continue
		}
		review, goesOn := r.ask(ctx, c, call)
		r.reviews[i] = joined(r.reviews[i], review)
		if !goesOn {
			return
		}
	}
}

func reinvoked(w *admissionregistrationv1.MutatingWebhook) bool {
	return w.ReinvocationPolicy != nil && *w.ReinvocationPolicy == admissionregistrationv1.IfNeededReinvocationPolicy
}

// joined is what both answers of a webhook say. A second one that failed proves nothing against the first.
func joined(first, second facts.Review) facts.Review {
	if second.Outcome != facts.ReviewAnswered {
		return first
	}
	first.Reinvoked = true
	for _, change := range second.Changes {
		if !slices.Contains(first.Changes, change) {
			first.Changes = append(first.Changes, change)
			first.Patch = append(first.Patch, second.Patch...)
		}
	}
	first.Patch = slices.Compact(first.Patch)
	first.Added = append(first.Added, second.Added...)
	first.Operations += second.Operations
	if first.Denied == "" {
		first.Denied = second.Denied
	}
	return first
}

// ask asks one webhook about the pod as it is, and reports whether the next one can be asked.
func (r *replay) ask(ctx context.Context, c *collector, call admission.Call) (review facts.Review, goesOn bool) {
	review = facts.Review{Webhook: call.Name()}
	w := c.webhook(call)
	if ctx.Err() != nil || w == nil {
		review.Outcome, review.Error = facts.ReviewNotAsked, "the run ended before it was asked"
		return review, true
	}
	uid, _ := c.standIns.of(r.class.fact.User)
	answer, method, err := c.askWebhook(ctx, call, w, reviewed{namespace: r.sent.Namespace, object: r.pod, user: r.class.fact.User, uid: uid})
	review.Method = method
	var before corev1.Pod
	if err == nil {
		if err = json.Unmarshal(r.pod, &before); err == nil {
			err = fillIn(&review, r.sent, &before, answer)
		}
	}
	review.Outcome = outcomeOf(ctx, err)
	var right *missingRight
	if errors.As(err, &right) {
		r.missing = append(r.missing, right)
	}
	if err != nil {
		review.Error = oneLine(err.Error())
		return review, true
	}
	restored, err := admission.Restore(&before, answer.Pod)
	if err != nil {
		review.Outcome, review.Error = facts.ReviewBadAnswer, oneLine(err.Error())
		return review, false
	}
	r.pod = restored
	return review, true
}

// denial is what a webhook says of an object that it rejects.
func denial(answer *admission.Answer) string { return cmp.Or(answer.Message, "(without explanation)") }

// fillIn reads off an answer what it does to the canary, and to what others have added to it before.
func fillIn(review *facts.Review, sent, before *corev1.Pod, answer *admission.Answer) error {
	if !answer.Allowed {
		review.Denied = denial(answer)
		return nil
	}
	var after corev1.Pod
	if err := json.Unmarshal(answer.Pod, &after); err != nil {
		return fmt.Errorf("read the patched pod: %w", err)
	}
	review.Changes = append(facts.Changes(sent, &after), facts.InjectedChanges(sent, before, &after)...)
	review.LostFields = facts.LostFields(sent, &after)
	review.Added = facts.Added(before, &after)
	review.Operations = len(answer.Patch)
	if len(review.Changes) > 0 {
		review.Patch = answer.Touching("/spec/initContainers")
	}
	return nil
}
