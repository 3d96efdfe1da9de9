package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
)

// completeKubeconfig offers what the kubeconfig names, and the namespaces of the cluster.
func (c *clusterFlags) completeKubeconfig(cmd *cobra.Command) {
	for flag, names := range map[string]func(*api.Config) []string{
		"context": func(k *api.Config) []string { return slices.Sorted(maps.Keys(k.Contexts)) },
		"cluster": func(k *api.Config) []string { return slices.Sorted(maps.Keys(k.Clusters)) },
		"user":    func(k *api.Config) []string { return slices.Sorted(maps.Keys(k.AuthInfos)) },
	} {
		offer(cmd, flag, func(_ context.Context, typed string) []string {
			raw, err := c.kube.ToRawKubeConfigLoader().RawConfig()
			if err != nil {
				return nil
			}
			return thatBegin(typed, names(&raw))
		})
	}
	c.completeFlag(cmd, "namespace", "namespaces")
}

// completeFlag offers the names of a type of the cluster.
func (c *clusterFlags) completeFlag(cmd *cobra.Command, flag, resource string) {
	offer(cmd, flag, func(ctx context.Context, typed string) []string {
		return c.completeNames(ctx, resource, typed, "")
	})
}

// completeNames are the names of a type that begin with what was typed, each after prefix. Whatever
// goes wrong offers nothing: a message would end up in the line that is being typed.
func (c *clusterFlags) completeNames(ctx context.Context, resource, typed, prefix string) []string {
	config, err := c.config()
	if err != nil {
		return nil
	}
	if config.ExecProvider != nil {
		config.ExecProvider.StdinUnavailable = true // a login would ask for a password behind the prompt
	}
	namespace, _, err := c.kube.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil
	}
	names, err := collect.CompleteNames(ctx, collect.Options{Config: config, Tool: buildVersion().Version}, namespace, resource)
	if err != nil {
		return nil
	}
	for i := range names {
		names[i] = prefix + names[i]
	}
	return thatBegin(typed, names)
}

// complete offers fixed values for a flag.
func complete(cmd *cobra.Command, flag string, values []string) {
	offer(cmd, flag, func(_ context.Context, typed string) []string { return thatBegin(typed, values) })
}

// completeList offers fixed values for a flag that takes several of them, separated by commas.
func completeList(cmd *cobra.Command, flag string, values []string) {
	offer(cmd, flag, func(_ context.Context, typed string) []string {
		before := typed[:strings.LastIndex(typed, ",")+1]
		var out []string
		for _, v := range values {
			if !slices.Contains(strings.Split(before, ","), v) {
				out = append(out, before+v)
			}
		}
		return thatBegin(typed, out)
	})
}

// offer completes a flag with what values returns.
func offer(cmd *cobra.Command, flag string, values func(ctx context.Context, typed string) []string) {
	// The only error is a flag that does not exist, which the tests would show.
	_ = cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return values(cmd.Context(), typed), cobra.ShellCompDirectiveNoFileComp
	})
}

func thatBegin(typed string, names []string) []string {
	var out []string
	for _, name := range names {
		if strings.HasPrefix(name, typed) {
			out = append(out, name)
		}
	}
	return out
}
