package collect

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// exempt is the bisection: for each webhook of which the replay proves nothing, a canary whose labels
// keep exactly that one away. What does not happen to it is that webhook's doing.
func (c *collector) exempt(ctx context.Context, chain *admission.Chain, class *class, t try, canary *facts.Canary) []facts.Exempted {
	if len(class.webhooks)+len(class.fact.Policies) < 2 {
		return nil // whoever is alone needs no proof
	}
	var out []facts.Exempted
	for _, r := range canary.Reviews {
		if r.Error == "" || ctx.Err() != nil {
			continue
		}
		pod, ok := chain.Exempt(r.Webhook, t.ns, t.pod)
		if !ok {
			continue
		}
		other := c.send(ctx, class, pod)
		if other.Refusal == nil && !meetsTheSame(chain, t, pod, class.returned) {
			continue
		}
		other.Reviews = canary.Reviews // they say what is added to it
		out = append(out, facts.Exempted{Webhook: r.Webhook, Labels: pod.Labels, Changes: other.Changes(), Refusal: other.Refusal})
	}
	return out
}

// meetsTheSame reports whether what others have made of a canary changes nothing about who is called for it: else its
// labels have kept nobody away for certain.
func meetsTheSame(chain *admission.Chain, t try, sent, returned *corev1.Pod) bool {
	after := asReturned(sent, returned)
	return after != nil && slices.Equal(chain.Met(t.ns, sent), chain.Met(t.ns, after))
}

// unexplained are the changes of a canary that no webhook is proven to make: no replay shows them, and
// they happen to the canary whichever webhook does not see it. They are told apart by kind, as the
// checks tell them apart: two webhooks may each do one thing to the same pod.
func unexplained(canary *facts.Canary) []facts.Change {
	return slices.DeleteFunc(canary.Changes(), func(change facts.Change) bool {
		replayed := slices.ContainsFunc(canary.Reviews, func(r facts.Review) bool { return has(r.Changes, change.Kind) })
		return replayed || slices.ContainsFunc(canary.Exempted, func(e facts.Exempted) bool {
			return e.Refusal == nil && !has(e.Changes, change.Kind)
		})
	})
}

func has(changes []facts.Change, kind facts.ChangeKind) bool {
	return slices.ContainsFunc(changes, func(c facts.Change) bool { return c.Kind == kind })
}
