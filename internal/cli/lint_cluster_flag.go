package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// An askCluster is --cluster of lint. Alone it lets the cluster of the kubeconfig decide. With a name, which stands after
// "=", it is kubectl's flag of the same name besides: that cluster of the kubeconfig is asked.
type askCluster struct {
	ask  bool
	name string
}

// alone is what pflag sets where nothing stands after the flag.
const alone = "true"

func (a *askCluster) String() string {
	if a.name != "" {
		return a.name
	}
	return strconv.FormatBool(a.ask)
}

func (a *askCluster) Set(text string) error {
	*a = askCluster{ask: true, name: text}
	if ask, err := strconv.ParseBool(text); err == nil {
		*a = askCluster{ask: ask}
	}
	return nil
}

// Type is that of a flag that needs no value.
func (a *askCluster) Type() string { return "bool" }

func (o *lintOptions) addAsk(cmd *cobra.Command) {
	cmd.Flags().Var(&o.ask, "cluster", "Let the cluster of the kubeconfig decide what depends on it: versions of API servers and nodes, schemas of custom resources, webhooks; --cluster=NAME is another one than that of the context")
	cmd.Flags().Lookup("cluster").NoOptDefVal = alone
}

// checkAsk finds kubectl's --cluster NAME: here the name is an argument, which would be read as a file.
func (o *lintOptions) checkAsk(args []string) error {
	if !o.ask.ask {
		return nil
	}
	if o.ask.name != "" {
		*o.cluster.kube.ClusterName = o.ask.name
		return nil
	}
	for _, arg := range args {
		if slices.Contains(o.clusters(), arg) {
			return usage("choose one with --context NAME, or with --cluster="+arg+"; if it is a file: -f "+arg,
				"--cluster %s: the name of a cluster stands after \"=\" here, else it is a file to lint", arg)
		}
	}
	return nil
}

// clusters are those that the kubeconfig names; none where it cannot be read, which is said elsewhere.
func (o *lintOptions) clusters() []string {
	raw, err := o.cluster.kube.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil
	}
	var out []string
	for name := range raw.Clusters {
		out = append(out, name)
	}
	return out
}

// looksLikeCluster reports whether a file that is not there is rather the name of a cluster: it is an argument, as
// what follows --cluster, and nothing in it is of a file.
func (o *lintOptions) looksLikeCluster(name string) bool {
	return o.ask.ask && o.ask.name == "" && slices.Contains(o.args, name) && !strings.ContainsAny(name, `/\.*?[`) && name != "-"
}
