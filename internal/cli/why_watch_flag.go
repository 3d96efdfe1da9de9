package cli

import (
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// watchTimeout is how long a watch goes on where --timeout does not say: longer than the usual budgets of startup
// probes, back-offs and pulls, and short enough that a forgotten one ends.
const watchTimeout = 30 * time.Minute

func (o *whyOptions) addWatch(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "Stay and print what changes, until the pod is well or the cause is certain; --timeout is 30m then, unless given")
}

// watchable are the formats in which changes can stand before the answer.
var watchable = []string{"text", "wide", "short", "json"}

// checkWatch refuses what cannot be watched.
func (o *whyOptions) checkWatch(cmd *cobra.Command) error {
	if !o.watch {
		return nil
	}
	switch {
	case len(o.files) > 0:
		return usage("leave one of the two out", "--watch has no effect on a file")
	case cmd.Flags().Changed("contexts"):
		return usage("leave one of the two out", "--watch is for one cluster")
	case o.allNamespaces:
		return usage("name the namespace: -n NAMESPACE", "--watch is for one namespace")
	case len(o.names) == 0 && o.selector == "":
		return usage("for example why deploy/web --watch", "--watch needs the name of what to watch, or --selector")
	case slices.ContainsFunc(o.names, collect.Name.OutsideNamespaces):
		return usage("name the pods or what makes them", "--watch is for pods and what is in a namespace with them")
	}
	for _, t := range o.output.typed {
		if t.file == "" && !t.format.Annotates && !slices.Contains(watchable, t.format.Name) {
			return usage("write it to a file, which gets the last answer: -o "+t.format.Name+"=FILE",
				"-o %s cannot tell of changes on stdout", t.format.Name)
		}
	}
	if !cmd.Flags().Changed("timeout") {
		o.cluster.timeout = watchTimeout
	}
	return nil
}

// inLines has JSON written in one line each.
func (o *openOutputs) inLines() {
	for i, f := range o.stdout {
		if f.Name == "json" {
			o.stdout[i].Print = func(w io.Writer, r *report.Report, _ print.Options) error { return print.JSONLine(w, r) }
		}
	}
}

// reports reports whether stdout gets a report for each change, rather than lines.
func (o *openOutputs) reports() bool {
	return slices.ContainsFunc(o.stdout, func(f print.Format) bool { return f.Name == "json" })
}
