package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

// Command is the whole command line, for what documents it. It runs nothing on its own.
func Command() *cobra.Command {
	return newRoot("kubectl sidecar", genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard})
}

// commandGroups is how the help of the root lists its commands; what is in none of them comes last.
var commandGroups = []struct {
	title string
	names []string
}{
	{"Diagnose", []string{"doctor", "why", "webhooks"}},
	{"Migrate", []string{"convert"}},
	{"Before and after", []string{"snapshot", "diff", "baseline"}},
	{"Reference and setup", []string{"explain", "rbac", "webhook", "completion"}},
}

// ofKubectl marks the flags that every kubectl command has: one command lists them for all.
const ofKubectl = "kubectl-sidecar.dev/of-kubectl"

// printHelp writes the help of a command in the order of kubectl's: what it is, examples, commands,
// options, usage. Plain functions rather than cobra's templates, which would make the linker keep
// every method of every type.
func printHelp(cmd *cobra.Command, _ []string) {
	cmd.InitDefaultHelpFlag()
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s\n", strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short)))
	if cmd.HasExample() {
		fmt.Fprintf(out, "\nExamples:\n%s\n", cmd.Example)
	}
	printCommands(out, cmd)
	if printOptionsOf(out, cmd.Flags(), func(f *pflag.Flag) bool { return f.Annotations[ofKubectl] == nil && f.Name != "help" }) {
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "Usage:\n  %s\n", useLine(cmd))
	root := cmd.Root().CommandPath()
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(out, "\nUse \"%s <command> --help\" for more information about a given command.\n", cmd.CommandPath())
	}
	if hasFlag(cmd, func(f *pflag.Flag) bool { return f.Annotations[ofKubectl] != nil }) {
		fmt.Fprintf(out, "\nUse \"%s options\" for the flags of every kubectl command, such as --context.\n", root)
	}
}

// useLine is cobra's, with kubectl's word for flags.
func useLine(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " COMMAND [options]"
	}
	return strings.Replace(cmd.UseLine(), "[flags]", "[options]", 1)
}

func hasFlag(cmd *cobra.Command, is func(*pflag.Flag) bool) bool {
	found := false
	cmd.Flags().VisitAll(func(f *pflag.Flag) { found = found || is(f) })
	return found
}

func printCommands(out io.Writer, cmd *cobra.Command) {
	rest := slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool { return !c.IsAvailableCommand() })
	if cmd.HasParent() {
		printGroup(out, "Available Commands", rest)
		fmt.Fprintln(out)
		return
	}
	for _, group := range commandGroups {
		var in []*cobra.Command
		for _, name := range group.names {
			at := slices.IndexFunc(rest, func(c *cobra.Command) bool { return c.Name() == name })
			if at >= 0 {
				in = append(in, rest[at])
				rest = slices.Delete(rest, at, at+1)
			}
		}
		printGroup(out, group.title, in)
	}
	printGroup(out, "Other Commands", rest)
	fmt.Fprintln(out)
}

func printGroup(out io.Writer, title string, list []*cobra.Command) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s:\n", title)
	for _, c := range list {
		fmt.Fprintf(out, "  %-12s %s\n", c.Name(), c.Short)
	}
}

// printOptionsOf lists flags as kubectl does: name and default in one line, the meaning below it.
func printOptionsOf(out io.Writer, flags *pflag.FlagSet, which func(*pflag.Flag) bool) bool {
	const indent = 8
	any := false
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" || !which(f) {
			return
		}
		if !any {
			fmt.Fprintf(out, "Options:\n")
		}
		any = true
		short := ""
		if f.Shorthand != "" {
			short = "-" + f.Shorthand + ", "
		}
		fmt.Fprintf(out, "    %s--%s=%s:\n", short, f.Name, defaultOf(f))
		_, text := pflag.UnquoteUsage(f)
		if choices := f.Value.Type(); strings.Contains(choices, "|") {
			text += ". One of: (" + strings.ReplaceAll(choices, "|", ", ") + ")"
		}
		for _, line := range print.Wrap(text+".", defaultWidth-indent) {
			fmt.Fprintf(out, "%s%s\n", strings.Repeat(" ", indent), line)
		}
	})
	return any
}

// defaultOf is a flag's default, quoted where it is text.
func defaultOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool", "int", "int32", "int64", "float32", "float64", "duration", "stringArray", "stringSlice":
		return f.DefValue
	}
	return "'" + f.DefValue + "'"
}

// newOptions is kubectl's options command: the flags that would drown each command's own.
func newOptions(streams genericiooptions.IOStreams) *cobra.Command {
	return &cobra.Command{
		Use:   "options",
		Short: "List the flags of every kubectl command, such as --context",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			flags := pflag.NewFlagSet("kubeconfig", pflag.ContinueOnError)
			genericclioptions.NewConfigFlags(true).AddFlags(flags)
			var out strings.Builder
			out.WriteString("The commands that ask a cluster accept the flags of every kubectl command:\n\n")
			printOptionsOf(&out, flags, func(*pflag.Flag) bool { return true })
			return writeTo(streams.Out, []byte(out.String()))
		},
	}
}
