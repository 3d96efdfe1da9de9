package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
)

// complete offers pods and types, and behind a type its names. What cannot be asked is not offered.
func (o *whyOptions) complete(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if kind, _, ok := strings.Cut(typed, "/"); ok {
		return o.cluster.completeNames(cmd.Context(), kind, typed, kind+"/"), cobra.ShellCompDirectiveNoFileComp
	}
	if len(args) > 0 && !strings.Contains(args[0], "/") && collect.IsType(args[0]) {
		return o.cluster.completeNames(cmd.Context(), args[0], typed, ""), cobra.ShellCompDirectiveNoFileComp
	}
	out := o.cluster.completeNames(cmd.Context(), "pods", typed, "")
	for _, kind := range collect.Types() {
		if kind != "pods" && typed != "" && strings.HasPrefix(kind, typed) {
			out = append(out, kind+"/")
		}
	}
	directive := cobra.ShellCompDirectiveNoFileComp
	if len(out) > 0 && strings.HasSuffix(out[len(out)-1], "/") {
		directive |= cobra.ShellCompDirectiveNoSpace
	}
	return out, directive
}
