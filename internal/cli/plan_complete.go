package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
)

// complete offers the types that plan looks at, and behind a type its names.
func (o *planOptions) complete(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	if kind, _, ok := strings.Cut(typed, "/"); ok {
		return o.cluster.completeNames(cmd.Context(), kind, typed, kind+"/"), cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, kind := range collect.Types() {
		if slices.Contains(plannedKinds, (collect.Name{Resource: kind}).Kind()) && strings.HasPrefix(kind, typed) {
			out = append(out, kind+"/")
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
