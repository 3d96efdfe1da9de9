package collect

import (
	"context"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// exempt is the bisection: for each webhook of which the replay proves nothing, a canary whose labels
// keep exactly that one away. If it comes back unharmed, that webhook did it.
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
		out = append(out, facts.Exempted{Webhook: r.Webhook, Labels: pod.Labels, Changes: other.Changes(), Refusal: other.Refusal})
	}
	return out
}

// unproven is whether some change of the canary has no webhook yet whose replay shows that it did it.
func unproven(canary *facts.Canary) bool {
	return !slices.ContainsFunc(canary.Reviews, func(r facts.Review) bool { return len(r.Changes) > 0 })
}
