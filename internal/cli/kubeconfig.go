package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd/api"
)

// noContext is an error for a kubeconfig that has contexts, of which none is chosen: kubectl would ask this machine.
func (c *clusterFlags) noContext(raw *api.Config) error {
	names := slices.Sorted(maps.Keys(raw.Contexts))
	switch {
	case len(names) == 0 || *c.kube.Context != "" || *c.kube.APIServer != "" || *c.kube.ClusterName != "":
		return nil
	case raw.CurrentContext == "":
		return couldNotRun("choose one: --context NAME, or kubectl config use-context NAME; there are: "+strings.Join(names, ", "),
			errors.New("the kubeconfig has no current context"))
	case raw.Contexts[raw.CurrentContext] == nil:
		return couldNotRun("choose one: --context NAME, or kubectl config use-context NAME; there are: "+strings.Join(names, ", "),
			fmt.Errorf("the current context of the kubeconfig, %q, does not exist", raw.CurrentContext))
	}
	return nil
}

// absentFiles says which files of KUBECONFIG do not exist; clients pass them over. It is empty when all do.
func absentFiles(kubeconfig string) string {
	var out []string
	for _, file := range filepath.SplitList(kubeconfig) {
		if _, err := os.Stat(file); file != "" && errors.Is(err, fs.ErrNotExist) {
			out = append(out, file)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return ": KUBECONFIG names " + strings.Join(out, ", ") + ", which cannot be found"
}
