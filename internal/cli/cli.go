// Package cli is the command line: flags become options, options run. It is the only package that
// knows cobra, kubeconfig flags, terminals, color and progress.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// Main runs the command line args, of which the first is the program's name, and returns the exit
// code. stdout gets the result and nothing else; everything else goes to stderr.
func Main(args []string, streams genericiooptions.IOStreams) int {
	silence()
	limitMemory()
	ctx, stop := interruptible()
	defer stop()
	root := newRoot(displayName(args[0]), streams)
	root.SetArgs(args[1:])
	return conclude(streams.ErrOut, root.ExecuteContext(ctx))
}

// silence keeps libraries from writing: what they would say is in the gaps of the report.
func silence() {
	klog.SetSlogLogger(slog.New(slog.DiscardHandler)) // SetOutput would leave errors, which klog copies to stderr
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
}

// interruptible is a context that the first Ctrl-C ends; the second one ends the process. A closed
// pipe becomes a write error instead of a signal, so that the exit code is still the report's.
func interruptible() (context.Context, context.CancelFunc) {
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// displayName is how the user calls the program: kubectl finds plugins by their file's name.
func displayName(program string) string {
	name := strings.TrimSuffix(filepath.Base(program), ".exe")
	if plugin, ok := strings.CutPrefix(name, "kubectl-"); ok {
		return "kubectl " + plugin
	}
	return name
}

func newRoot(name string, streams genericiooptions.IOStreams) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-sidecar",
		Short: "Say with evidence whether a cluster is ready for native sidecar containers",
		Long: `Say with evidence whether a Kubernetes cluster is ready for native sidecar
containers: init containers with restartPolicy: Always (KEP-753).

It only reads, and creates with dryRun=All, which stores nothing. What it could
not see is unknown, never fine.`,
		Example: examples(name,
			"is this cluster ready?", "doctor",
			"why does a pod not start?", "why deploy/web",
			"what may it read, and what for?", "rbac --explain",
			"what does a finding mean?", "explain kubelet-gate-off"),
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: name},
		Args:          subcommandOnly,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newDoctor(name, streams),
		newWhy(name, streams),
		newPlan(name, streams),
		newLint(name, streams),
		newConvert(name, streams),
		newSnapshot(name, streams),
		newDiff(name, streams),
		newBaseline(name, streams),
		newWebhooks(name, streams),
		newWebhook(name, streams),
		newRBAC(name, streams),
		newExplain(name, streams),
		newVersion(name, streams),
		newOptions(streams),
	)
	root.SetHelpCommand(newHelp())
	root.SetHelpFunc(printHelp)
	addCompletion(root, name, streams)
	return root
}

// examples is pairs of a comment and a command line, for a command's help.
func examples(name string, pairs ...string) string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, "  # "+pairs[i]+"\n  "+name+" "+pairs[i+1])
	}
	return strings.Join(out, "\n\n")
}

// newHelp is cobra's help command, except that an unknown topic is an error.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Print the help of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return subcommandOnly(topic, rest)
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

// subcommandOnly refuses arguments of a command that only has subcommands.
func subcommandOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usage(didYouMean(args[0], names), "unknown command %q of %s", args[0], cmd.CommandPath())
}

// noArgs refuses arguments of a command that has flags only.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := fmt.Sprintf("see %s --help", cmd.CommandPath())
	if cmd.Flags().Lookup("filename") != nil {
		hint = "to read a file: -f " + args[0]
	}
	return usage(hint, "%s takes no arguments, but was given %q", cmd.CommandPath(), args[0])
}

// writeTo writes a finished result to stdout. A reader that went away is not an error.
func writeTo(w io.Writer, result []byte) error {
	if _, err := w.Write(result); err != nil && !closedPipe(err) {
		return fmt.Errorf("writing to stdout: %w", err)
	}
	return nil
}

// closedPipe recognizes that the reader of a pipe, such as head, has gone.
func closedPipe(err error) bool {
	const brokenPipe, noData = syscall.Errno(109), syscall.Errno(232) // Windows' ERROR_BROKEN_PIPE and ERROR_NO_DATA
	if os.PathSeparator == '\\' && (errors.Is(err, brokenPipe) || errors.Is(err, noData)) {
		return true
	}
	return errors.Is(err, syscall.EPIPE)
}
