package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

func newRBAC(name string, streams genericiooptions.IOStreams) *cobra.Command {
	var (
		choose  selection
		role    string
		explain bool
		command = choice{valid: []string{"doctor", "why"}}
	)
	cmd := &cobra.Command{
		Use:   "rbac",
		Short: "Print the ClusterRole that doctor or why needs",
		Long: `Print the ClusterRole that doctor needs to see everything, for all checks or the
chosen ones, with what each right is for. Every right that is missing costs only
what it is for.`,
		Example: examples(name,
			"give it to a service account", "rbac | kubectl apply -f -",
			"what each right buys, and what is lost without it", "rbac --explain",
			"what why needs", "rbac --for why",
			"only what the checks of kubelets need", "rbac --checks kubelet-too-old,kubelet-gate-off"),
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			list, err := choose.checks()
			if err != nil {
				return err
			}
			if problems := validation.IsDNS1123Subdomain(role); len(problems) > 0 {
				return usage("for example --name sidecar-doctor", "--name: %q is not a name for a ClusterRole", role)
			}
			rights := rightsOf(list)
			if command.value == "why" {
				if rights, err = whyRights(choose); err != nil {
					return err
				}
			}
			if explain {
				return writeTo(streams.Out, explainRights(rights, printOptions(streams.Out, colorNever)))
			}
			return writeTo(streams.Out, clusterRole(role, command.value, rights))
		},
	}
	choose.addFlags(cmd)
	addChoice(cmd, &command, "for", "", "Which command the role is for")
	cmd.Flags().StringVar(&role, "name", "kubectl-sidecar", "The `name` of the ClusterRole")
	cmd.Flags().BoolVar(&explain, "explain", false, "Say what each right is for and what is lost without it")
	return cmd
}

// A right is one rule, or several that are alike, with the checks that lose something without it.
type right struct {
	collect.Rule
	checks []string
}

func rightsOf(list []checks.Check) []right {
	var out []right
	for _, rule := range collect.Rules(kindsOf(list)) {
		r := right{Rule: rule}
		for _, c := range list {
			if needs(c, rule) {
				r.checks = append(r.checks, c.ID)
			}
		}
		if last := len(out) - 1; last >= 0 && alike(out[last], r) {
			out[last].Resources = slices.Concat(out[last].Resources, r.Resources)
			continue
		}
		out = append(out, r)
	}
	return out
}

// alike reports whether two rights differ in their resources only.
func alike(a, b right) bool {
	return len(a.Resources) > 0 && slices.Equal(a.APIGroups, b.APIGroups) && slices.Equal(a.Verbs, b.Verbs) &&
		a.Namespace == b.Namespace && a.Why == b.Why && a.Optional == b.Optional && slices.Equal(a.checks, b.checks)
}

// needs reports whether a check reads what the rule allows to read.
func needs(c checks.Check, rule collect.Rule) bool {
	return slices.ContainsFunc(collect.Rules(slices.Concat([]facts.Kind{}, c.Needs)), func(r collect.Rule) bool {
		return r.Kind == rule.Kind && r.String() == rule.String()
	})
}

// dangers says what else somebody could do with a right, where that is much more than what it is
// for: RBAC knows neither dry runs nor single paths of a kubelet.
var dangers = map[string]string{
	"get nodes/proxy":       "opens the whole API of every kubelet: logs of all pods, on some versions commands in their containers",
	"create pods":           "RBAC cannot limit it to dry runs: whoever has it can create pods; this program sends dry runs only",
	"create services/proxy": "whoever has it can send requests to every Service",
}

// what is the right as people say it: "get nodes/proxy".
func (r right) what() string {
	if len(r.NonResourceURLs) > 0 {
		return strings.Join(r.Verbs, ",") + " " + strings.Join(r.NonResourceURLs, ",")
	}
	return strings.Join(r.Verbs, ",") + " " + strings.Join(r.Resources, ",")
}

func (r right) where() string {
	if r.Namespace == "" {
		return "the whole cluster"
	}
	return "namespace " + r.Namespace
}

// clusterRole is YAML for kubectl apply, with comments for whoever has to approve it.
func clusterRole(name, command string, rights []right) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `# What kubectl sidecar %[2]s reads, and what for. After kubectl apply, bind it:
#   kubectl create clusterrolebinding %[1]s --clusterrole=%[1]s --user=NAME
# Every rule can be left out: what it is for is then unknown.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: %[1]s
rules:
`, name, command)
	var above []string
	for _, r := range rights {
		lines := comments(r)
		if !slices.Equal(lines, above) {
			fmt.Fprintf(&out, "# %s\n", strings.Join(lines, "\n# "))
		}
		above = lines
		if len(r.NonResourceURLs) > 0 {
			fmt.Fprintf(&out, "- nonResourceURLs: %s\n", flow(r.NonResourceURLs))
		} else {
			fmt.Fprintf(&out, "- apiGroups: %s\n  resources: %s\n", flow(r.APIGroups), flow(r.Resources))
		}
		fmt.Fprintf(&out, "  verbs: %s\n", flow(r.Verbs))
	}
	return out.Bytes()
}

func comments(r right) []string {
	out := report.Wrap(r.Why, defaultWidth-2)
	if r.Namespace != "" {
		out = append(out, "Needed in namespace "+r.Namespace+" only: a Role there would do.")
	}
	if r.Optional {
		out = append(out, "Optional: other rights may answer the same.")
	}
	if danger := dangers[r.what()]; danger != "" {
		out = append(out, report.Wrap("DANGER: "+danger+".", defaultWidth-2)...)
	}
	return out
}

// flow is a YAML list in one line.
func flow(list []string) string {
	var quoted []string
	for _, s := range list {
		quoted = append(quoted, fmt.Sprintf("%q", s))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// explainRights is the same for people.
func explainRights(rights []right, o report.Options) []byte {
	var out bytes.Buffer
	paragraph := func(lead, text string) {
		for i, l := range report.Wrap(lead+text, o.Width-4) {
			indent := "  "
			if i > 0 {
				indent = "    "
			}
			fmt.Fprintf(&out, "%s%s\n", indent, l)
		}
	}
	for i, r := range rights {
		if i > 0 {
			fmt.Fprintln(&out)
		}
		fmt.Fprintf(&out, "%s in %s\n", r.what(), r.where())
		paragraph("for: ", r.Why)
		if r.Optional {
			paragraph("optional: ", "other rights may answer the same")
		}
		paragraph("may be unknown without it: ", strings.Join(r.checks, ", "))
		if danger := dangers[r.what()]; danger != "" {
			paragraph("danger: ", danger)
		}
	}
	return out.Bytes()
}
