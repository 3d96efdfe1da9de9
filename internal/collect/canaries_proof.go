package collect

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// proofReplays is in how many classes the webhooks are called directly although nothing happened to the canary.
// What goes beyond stays unproven, and says so.
const proofReplays = 50

// prove calls webhooks directly where a canary that came back unharmed proves nothing: a webhook that fails open
// may not have been reached, and one that declares sideEffects NoneOnDryRun may do nothing on dry runs.
func (c *collector) prove(ctx context.Context, classes []class, results [][]facts.Canary) {
	var replays atomic.Int32
	each(canaryConcurrency, len(classes), func(i int) {
		canary := cameBack(results[i])
		if canary == nil || len(canary.Reviews) > 0 || !c.unheard(&classes[i]) || ctx.Err() != nil {
			return
		}
		if replays.Add(1) > proofReplays {
			canary.Unasked = fmt.Sprintf("nor was it called directly (a run does that for %d sets of namespaces and templates at most)", proofReplays)
			return
		}
		// What was sent has no values of annotations.
		pod := classes[i].answered
		if pod == nil {
			return
		}
		canary.Reviews = c.replay(ctx, &classes[i], pod).reviews
	})
}

// cameBack is the canary of a class that was not refused; nil where there is none.
func cameBack(canaries []facts.Canary) *facts.Canary {
	i := slices.IndexFunc(canaries, func(c facts.Canary) bool { return !c.Control && c.Returned != nil })
	if i < 0 {
		return nil
	}
	return &canaries[i]
}

// mayHideLoss reports whether a canary that kept all that it was sent with has containers that others have put into
// it, and that may have been native sidecars until somebody else saw them. Who is alone cannot have done that.
func mayHideLoss(class *class, canary *facts.Canary) bool {
	if len(class.webhooks)+len(class.fact.Policies) < 2 || len(class.webhooks) == 0 {
		return false
	}
	return len(canary.Unaccounted()) > 0 || len(canary.Returned.Spec.Containers) > len(canary.Sent.Spec.Containers)
}

// unheard reports whether a class has a webhook of which its canary proves nothing.
func (c *collector) unheard(class *class) bool {
	for _, call := range class.webhooks {
		w := c.webhook(call)
		if w == nil {
			continue
		}
		if facts.IdleOnDryRun(w) || facts.FailsOpen(w) && !c.heard(call.Name()) {
			return true
		}
	}
	return false
}

// heard reports whether the API server reached a webhook for each canary.
func (c *collector) heard(name string) bool {
	return slices.ContainsFunc(c.snapshot.WebhookCalls, func(w facts.WebhookCalls) bool {
		return w.Webhook == name && w.Heard()
	})
}
