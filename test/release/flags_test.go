package release

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/cli"
)

var flagLine = regexp.MustCompile(`(?m)^    (?:-(\w), )?--([\w-]+)=`)

// TestFlagsAsKubectl: what kubectl's own help calls -A, -f, -l, -n or -o is called that here, and means
// a flag of the same name.
func TestFlagsAsKubectl(t *testing.T) {
	u := newUser(t, "none")
	shorthand, short := map[string]string{}, map[string]string{}
	for _, args := range [][]string{
		{"options"}, {"get", "--help"}, {"describe", "--help"}, {"apply", "--help"}, {"logs", "--help"}, {"events", "--help"}, {"wait", "--help"},
	} {
		help, _ := u.run(t, "kubectl", args...)
		found := flagLine.FindAllStringSubmatch(help, -1)
		if len(found) < 5 {
			t.Fatalf("kubectl %v lists %d flags:\n%s", args, len(found), help)
		}
		for _, m := range found {
			if m[1] != "" {
				shorthand[m[2]], short[m[1]] = m[1], m[2]
			}
		}
	}
	seen := map[string]bool{}
	for _, cmd := range allCommands(cli.Command()) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if want, same := shorthand[f.Name]; same {
				seen[f.Name] = true
				if f.Shorthand != want {
					t.Errorf("%s: --%s is -%s, kubectl's is -%s", cmd.CommandPath(), f.Name, f.Shorthand, want)
				}
			}
			if theirs, taken := short[f.Shorthand]; taken && theirs != f.Name {
				t.Errorf("%s: -%s is --%s, kubectl's is --%s", cmd.CommandPath(), f.Shorthand, f.Name, theirs)
			}
		})
	}
	for _, name := range []string{"all-namespaces", "filename", "namespace", "output", "selector", "server"} {
		if !seen[name] {
			t.Errorf("no --%s among %v", name, slices.Sorted(maps.Keys(seen)))
		}
	}
}

func allCommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, allCommands(sub)...)
		}
	}
	return all
}
