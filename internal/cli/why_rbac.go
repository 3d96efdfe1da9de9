package cli

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
)

// whyRights is what `why` needs. All of its checks read the same.
func whyRights(choose selection) ([]right, error) {
	if len(choose.only)+len(choose.skip) > 0 {
		return nil, usage("leave them out", "--for why: --checks and --skip are about the checks of doctor")
	}
	var out []right
	for _, rule := range collect.PodRules() {
		r := right{Rule: rule, checks: []string{"what only " + string(rule.Kind) + " show"}}
		if last := len(out) - 1; last >= 0 && slices.Equal(out[last].APIGroups, r.APIGroups) && slices.Equal(out[last].Verbs, r.Verbs) && out[last].Why == r.Why {
			out[last].Resources = slices.Concat(out[last].Resources, r.Resources)
			out[last].checks = append(out[last].checks, r.checks...)
			continue
		}
		out = append(out, r)
	}
	return out, nil
}
