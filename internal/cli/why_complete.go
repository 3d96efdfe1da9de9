package cli

import (
	"context"
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

// completeNames are the names of a type that begin with what was typed, each after prefix.
func (c *clusterFlags) completeNames(ctx context.Context, resource, typed, prefix string) []string {
	config, err := c.config()
	if err != nil {
		return nil
	}
	namespace, _, err := c.kube.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil
	}
	names, err := collect.CompleteNames(ctx, collect.Options{Config: config, Tool: buildVersion().Version}, namespace, resource)
	if err != nil {
		return nil
	}
	var out []string
	for _, name := range names {
		if strings.HasPrefix(prefix+name, typed) {
			out = append(out, prefix+name)
		}
	}
	return out
}
