package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/docs"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

func newExplain(name string, streams genericiooptions.IOStreams) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [ID]",
		Short: "Print what a check means, how it is found and how to fix it",
		Long:  "Print the page of a check; without ID, the list of checks. not-ready is the page on\nclusters that cannot run native sidecars yet.",
		Example: examples(name,
			"all checks", "explain",
			"one of them", "explain webhook-strips-restart-policy",
			"what to do where native sidecars do not run", "explain not-ready"),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("one at a time", "%s takes one check, but was given %s", cmd.CommandPath(), strings.Join(args, " "))
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return thatBegin(typed, slices.Concat(docs.IDs(), docs.Guides)), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return writeTo(streams.Out, listChecks(printOptions(streams.Out, colorNever).Width))
			}
			page, ok := docs.Page(args[0])
			if !ok {
				page, ok = docs.Guide(args[0])
			}
			if !ok {
				return unknownPage(args[0])
			}
			return writeTo(streams.Out, []byte(page))
		},
	}
}

// listChecks is a table whose last column is wrapped.
func listChecks(width int) []byte {
	list, ids := explained(), 0
	for _, c := range list {
		ids = max(ids, len(c.ID))
	}
	var out bytes.Buffer
	row := func(id, severity, title string) {
		for _, l := range print.Wrap(title, max(width-ids-len("  warning  "), 20)) {
			fmt.Fprintf(&out, "%-*s  %-7s  %s\n", ids, id, severity, l)
			id, severity = "", ""
		}
	}
	row("ID", "LEVEL", "PASSES WHEN")
	for _, c := range list {
		row(c.ID, c.Severity.String(), c.Title)
	}
	return out.Bytes()
}

// explained is the checks on clusters and, those that are not there already, on pods and manifests.
func explained() []checks.Check {
	out := cluster.All()
	for _, c := range slices.Concat(pods.All(), manifests.All()) {
		if !slices.ContainsFunc(out, func(o checks.Check) bool { return o.ID == c.ID }) {
			out = append(out, c)
		}
	}
	return out
}

func unknownPage(id string) error {
	hint := "list them: kubectl sidecar explain"
	if best := nearest(strings.ToLower(strings.TrimSpace(id)), slices.Concat(docs.IDs(), docs.Guides)); best != "" {
		hint = "did you mean " + best + "?"
	}
	return usage(hint, "unknown check %q", id)
}
