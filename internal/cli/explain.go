package cli

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/docs"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

func newExplain(name string, streams genericiooptions.IOStreams) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [ID]",
		Short: "Print what a check means, how it is found and how to fix it",
		Long:  "Print the page of a check; without ID, the list of checks.",
		Example: examples(name,
			"all checks", "explain",
			"one of them", "explain webhook-strips-restart-policy"),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("one at a time", "%s takes one check, but was given %s", cmd.CommandPath(), strings.Join(args, " "))
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(checkIDs(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return writeTo(streams.Out, listChecks(printOptions(streams.Out, colorNever).Width))
			}
			page, ok := docs.Page(args[0])
			if !ok {
				return unknownCheck("", args[0])
			}
			return writeTo(streams.Out, []byte(page))
		},
	}
}

// listChecks is a table whose last column is wrapped.
func listChecks(width int) []byte {
	ids := 0
	for _, c := range checks.All() {
		ids = max(ids, len(c.ID))
	}
	var out bytes.Buffer
	row := func(id, severity, title string) {
		for _, l := range report.Wrap(title, max(width-ids-len("  warning  "), 20)) {
			fmt.Fprintf(&out, "%-*s  %-7s  %s\n", ids, id, severity, l)
			id, severity = "", ""
		}
	}
	row("ID", "LEVEL", "PASSES WHEN")
	for _, c := range checks.All() {
		row(c.ID, c.Severity.String(), c.Title)
	}
	return out.Bytes()
}
