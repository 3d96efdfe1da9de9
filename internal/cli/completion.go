package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// kubectlComplete is what kubectl runs to complete the arguments of a plugin.
const kubectlComplete = `#!/bin/sh
# kubectl completes "kubectl sidecar" with an executable of this name on PATH.
exec kubectl-sidecar __complete "$@"
`

// addCompletion adds cobra's completion command, and what kubectl needs to use it.
func addCompletion(root *cobra.Command, streams genericiooptions.IOStreams) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		return // cobra adds it to every command that has subcommands
	}
	completion.Short = "Print a completion script for your shell or for kubectl"
	completion.Args = subcommandOnly
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, shell := range completion.Commands() {
		shell.Args = noArgs
	}
	completion.AddCommand(&cobra.Command{
		Use:   "kubectl",
		Short: "Print the script that lets kubectl complete this plugin",
		Long: `Print the script that lets kubectl complete this plugin. Put it on PATH:

  kubectl sidecar completion kubectl > /usr/local/bin/kubectl_complete-sidecar
  chmod +x /usr/local/bin/kubectl_complete-sidecar`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(streams.Out, kubectlComplete)
			return err
		},
	})
}
