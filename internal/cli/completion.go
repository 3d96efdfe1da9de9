package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// addCompletion adds cobra's completion command, and what kubectl needs to use it.
func addCompletion(root *cobra.Command, name string, streams genericiooptions.IOStreams) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		return // cobra adds it to every command that has subcommands
	}
	completion.Short = "Print a completion script for your shell or for kubectl"
	completion.Long = `Print a completion script for your shell or for kubectl.

kubectl completes the arguments of a plugin with a script of its own on PATH,
which install puts there. The scripts for shells are for those who call
kubectl-sidecar without kubectl.`
	completion.Example = examples(name,
		"let kubectl complete this plugin", "completion install",
		"let bash complete kubectl-sidecar", "completion bash > /etc/bash_completion.d/kubectl-sidecar")
	completion.Args = subcommandOnly
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, shell := range completion.Commands() {
		shell.Args = noArgs
		if print := shell.RunE; print != nil {
			shell.RunE = func(cmd *cobra.Command, args []string) error {
				if err := print(cmd, args); err != nil && !closedPipe(err) {
					return fmt.Errorf("writing to stdout: %w", err)
				}
				return nil
			}
		}
	}
	completion.AddCommand(newCompletionInstall(name, streams), &cobra.Command{
		Use:   "kubectl",
		Short: "Print the script that lets kubectl complete this plugin",
		Long: `Print the script that lets kubectl complete this plugin. It works as an executable
file named kubectl_complete-sidecar on PATH; install writes it there.`,
		Example: examples(name, "where install finds no place", "completion kubectl > kubectl_complete-sidecar && chmod +x kubectl_complete-sidecar"),
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			return writeTo(streams.Out, []byte(KubectlComplete))
		},
	})
}
