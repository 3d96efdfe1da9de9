package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// noTemplate records that it was not tried whether the API server itself keeps what a canary lost.
func (c *collector) noTemplate(ctx context.Context, class *class, err error) {
	about := class.instance().Of(facts.PartTemplate)
	var right *missingRight
	if errors.As(err, &right) {
		c.gap(facts.Canaries, about, "whether the API server itself drops it was not tried: "+right.Error(), right.remedy())
		return
	}
	c.failed(ctx, createTemplates, about, err)
}

// noReviews records that it is open which webhook changed a canary, where the rights to ask each of
// them were missing and nothing else tells: nobody is proven to have done it, and several may have.
func (c *collector) noReviews(class *class, canary *facts.Canary, missing []*missingRight) {
	if len(missing) == 0 || len(class.webhooks)+len(class.fact.Policies) < 2 || attributed(canary) {
		return
	}
	var reasons, remedies []string
	for _, m := range missing {
		reasons, remedies = append(reasons, m.Error()), append(remedies, m.remedy().Text)
	}
	slices.Sort(reasons)
	slices.Sort(remedies)
	c.gap(facts.Canaries, class.instance().Of(facts.PartReview),
		fmt.Sprintf("it is not known which of the webhooks there did it: %s", strings.Join(slices.Compact(reasons), "; ")),
		facts.Do(strings.Join(slices.Compact(remedies), "; ")))
}

// attributed reports whether everything that a canary lost is proven to be somebody's doing. Of a
// refusal the API server itself names the webhook.
func attributed(canary *facts.Canary) bool {
	if canary.Refusal != nil {
		return true
	}
	if len(unexplained(canary)) > 0 {
		return false
	}
	return canary.Fields == nil || len(canary.Fields.Lost) == 0 ||
		slices.ContainsFunc(canary.Reviews, func(r facts.Review) bool { return len(r.LostFields) > 0 })
}
