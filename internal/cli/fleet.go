package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// allContexts is the value of --contexts that stands for all there are.
const allContexts = "all"

// defaultParallel is how many clusters are asked at once: their answers are waited for, and what they are made of costs
// memory.
const defaultParallel = 16

// fleetFlags are those that ask several clusters.
type fleetFlags struct {
	contexts []string
	parallel int

	kubeconfig api.Config // once checked
	names      []string   // of the contexts, sorted, once checked
}

func (f *fleetFlags) add(cmd *cobra.Command, c *clusterFlags) {
	own := cmd.Flags()
	own.StringSliceVar(&f.contexts, "contexts", nil, "Ask several clusters at once, as one report: contexts of the kubeconfig (`NAME|GLOB,...`), or all (docs/fleet.md)")
	own.IntVar(&f.parallel, "parallel", defaultParallel, "With --contexts: how many clusters to ask at once")
	offer(cmd, "contexts", func(_ context.Context, typed string) []string {
		raw, err := c.kube.ToRawKubeConfigLoader().RawConfig()
		if err != nil {
			return nil
		}
		before := typed[:strings.LastIndex(typed, ",")+1]
		var out []string
		for _, name := range append(slices.Sorted(maps.Keys(raw.Contexts)), allContexts) {
			if !slices.Contains(strings.Split(before, ","), name) && (name != allContexts || before == "") {
				out = append(out, before+name)
			}
		}
		return thatBegin(typed, out)
	})
}

// on reports whether several clusters are asked.
func (f *fleetFlags) on(cmd *cobra.Command) bool { return cmd.Flags().Changed("contexts") }

// ofOneCluster are the flags that say how to reach one cluster: sent to all of them, a token would be given away.
var ofOneCluster = []string{
	"context", "cluster", "user", "server", "token", "certificate-authority", "client-certificate", "client-key",
	"tls-server-name", "insecure-skip-tls-verify", "kubelet-ca",
}

// check refuses what cannot be asked of several clusters, and finds their contexts. more are flags of the command that
// are about one cluster, or about files, each with what to do instead.
func (f *fleetFlags) check(cmd *cobra.Command, c *clusterFlags, more map[string]string) error {
	if !f.on(cmd) {
		if cmd.Flags().Changed("parallel") {
			return usage("say which clusters: --contexts all", "--parallel without --contexts has no effect")
		}
		return nil
	}
	if f.parallel < 1 {
		return usage("for example --parallel 16", "--parallel: %d is not a positive number", f.parallel)
	}
	for _, flag := range ofOneCluster {
		if given := cmd.Flags().Lookup(flag); given != nil && given.Changed && more[flag] == "" {
			return usage("each context has its own: leave one of the two out", "--contexts excludes --%s", flag)
		}
	}
	for _, flag := range slices.Sorted(maps.Keys(more)) {
		if given := cmd.Flags().Lookup(flag); given != nil && given.Changed && more[flag] != allowed {
			return usage(more[flag], "--contexts excludes --%s", flag)
		}
	}
	var err error
	if f.kubeconfig, err = c.kube.ToRawKubeConfigLoader().RawConfig(); err != nil {
		return couldNotRun("check --kubeconfig and KUBECONFIG", fmt.Errorf("reading the kubeconfig: %w", err))
	}
	f.names, err = contextsOf(slices.Sorted(maps.Keys(f.kubeconfig.Contexts)), f.contexts)
	return err
}

// allowed stands in the list of a command for a flag of ofOneCluster that means something else there.
const allowed = "-"

// contextsOf are the contexts that were named, sorted, each once. A name that is there is that one, whatever it looks like.
func contextsOf(there, typed []string) ([]string, error) {
	if len(there) == 0 {
		return nil, usage("see what is read: kubectl config get-contexts; set KUBECONFIG, or use --kubeconfig",
			"--contexts: the kubeconfig has no contexts%s", absentFiles(os.Getenv(clientcmd.RecommendedConfigPathEnvVar)))
	}
	valid := "there are: " + strings.Join(there, ", ")
	found := map[string]bool{}
	for _, name := range typed {
		switch {
		case slices.Contains(there, name):
			found[name] = true
			continue
		case name == allContexts:
			for _, t := range there {
				found[t] = true
			}
			continue
		case !strings.ContainsAny(name, "*?["):
			if best := nearest(name, there); best != "" {
				valid = "did you mean " + best + "? " + valid
			}
			return nil, usage(valid, "--contexts: the kubeconfig has no context %q", name)
		}
		any := false
		for _, t := range there {
			matches, err := matchesName(name, t)
			if err != nil {
				return nil, usage("* stands for any letters, ? for one, [a-z] for one of them", "--contexts: %q is not a pattern", name)
			}
			if matches {
				any, found[t] = true, true
			}
		}
		if !any {
			return nil, usage(valid, "--contexts: %q matches no context of the kubeconfig", name)
		}
	}
	if len(found) == 0 {
		return nil, usage(valid, "--contexts: no context is named")
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// matchesName is path.Match for names, in which a slash is a letter like any other: those of EKS have one.
func matchesName(pattern, name string) (bool, error) {
	flat := func(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
	return path.Match(flat(pattern), flat(name))
}

// of is how to reach one of the clusters: the flags as they are, with a copy of what the run may change.
func (f *fleetFlags) of(c *clusterFlags, name string) *clusterFlags {
	one := *c
	namespace, context := *c.kube.Namespace, name
	one.kube = genericclioptions.NewConfigFlags(true)
	one.kube.Namespace, one.kube.Context = &namespace, &context
	overrides := &clientcmd.ConfigOverrides{}
	overrides.Context.Namespace = namespace
	overrides.AuthInfo.Impersonate, overrides.AuthInfo.ImpersonateUID = *c.kube.Impersonate, *c.kube.ImpersonateUID
	overrides.AuthInfo.ImpersonateGroups = *c.kube.ImpersonateGroup
	for _, extra := range *c.kube.ImpersonateUserExtra {
		if overrides.AuthInfo.ImpersonateUserExtra == nil {
			overrides.AuthInfo.ImpersonateUserExtra = map[string][]string{}
		}
		key, value, _ := strings.Cut(extra, "=")
		overrides.AuthInfo.ImpersonateUserExtra[key] = append(overrides.AuthInfo.ImpersonateUserExtra[key], value)
	}
	overrides.ClusterInfo.DisableCompression = *c.kube.DisableCompression
	one.member = clientcmd.NewNonInteractiveClientConfig(f.only(name), name, overrides, nil)
	return &one
}

// only is the part of the kubeconfig that a context needs, of its own: several may share a user, and clients write into
// what they are given.
func (f *fleetFlags) only(name string) api.Config {
	out := *api.NewConfig()
	context := f.kubeconfig.Contexts[name]
	if context == nil {
		return out
	}
	out.Contexts[name] = context.DeepCopy()
	if cluster := f.kubeconfig.Clusters[context.Cluster]; cluster != nil {
		out.Clusters[context.Cluster] = cluster.DeepCopy()
	}
	if user := f.kubeconfig.AuthInfos[context.AuthInfo]; user != nil {
		out.AuthInfos[context.AuthInfo] = user.DeepCopy()
	}
	return out
}

// loader is the kubeconfig: of one of several clusters that of its context, which was read once for all of them.
func (c *clusterFlags) loader() clientcmd.ClientConfig {
	if c.member != nil {
		return c.member
	}
	return c.kube.ToRawKubeConfigLoader()
}

// serverOf is the URL of a context's API server, as far as the kubeconfig tells.
func (f *fleetFlags) serverOf(name string) string {
	if context := f.kubeconfig.Contexts[name]; context != nil {
		if cluster := f.kubeconfig.Clusters[context.Cluster]; cluster != nil {
			return cluster.Server
		}
	}
	return ""
}

// namedOne refuses names: they are looked up in one cluster.
func namedOne(names int, command string) error {
	if names == 0 {
		return nil
	}
	return usage(fmt.Sprintf("%s NAME --context CONTEXT, for each", command), "names are of one cluster: --contexts takes none")
}
