package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

func newRBAC(name string, streams genericiooptions.IOStreams) *cobra.Command {
	var (
		choose  selection
		role    string
		explain bool
		as      bool
		watch   bool
		custom  []string
		command = choice{valid: []string{"doctor", "snapshot", "webhooks", "why", "plan", "lint", "convert"}}
		format  = choice{valid: []string{"text", "json"}}
		way     = choice{valid: []string{string(collect.KubeletsByProxy), string(collect.KubeletsDirect), kubeletsNone}}
	)
	cmd := &cobra.Command{
		Use:   "rbac",
		Short: "Print the ClusterRole that doctor or another command needs",
		Long: `Print the ClusterRole that a command needs to see everything; for doctor, for all
checks or the chosen ones, with what each right is for. A missing right costs only
what --explain says.`,
		Example: examples(name,
			"give it to a service account", "rbac | kubectl apply -f -",
			"what each right is for, and what is lost without it", "rbac --explain",
			"what why needs, also to watch", "rbac --for why --watch",
			"what plan needs, with the workloads of Argo Rollouts", "rbac --for plan --custom rollouts.argoproj.io",
			"custom resources with pod templates, too", "rbac --custom rollouts.argoproj.io",
			"without nodes/proxy: kubelets are read directly, or not at all", "rbac --kubelets direct",
			"only what the checks of kubelets need", "rbac --checks kubelet-too-old,kubelet-gate-off"),
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if problems := validation.IsDNS1123Subdomain(role); len(problems) > 0 {
				return usage("for example --name sidecar-doctor", "--name: %q is not a name for a ClusterRole", role)
			}
			if cmd.Flags().Changed("output") && !explain {
				return usage("a ClusterRole is YAML; for the rights as data: rbac --explain -o json", "--output is about --explain")
			}
			if cmd.Flags().Changed("kubelets") && !slices.Contains([]string{"doctor", "snapshot", "plan"}, command.value) {
				return usage("leave it out", "--for %s: it reads no kubelets", command.value)
			}
			if watch && command.value != "why" {
				return usage("leave it out, or add --for why", "--for %s: only why has --watch", command.value)
			}
			list, err := commandRights(command.value, choose, wayOf(way.value))
			if watch {
				list = append(list, readRights(collect.WatchRules())...)
			}
			if !as {
				list = slices.DeleteFunc(list, func(r right) bool { return r.Verb == "impersonate" })
			}
			if err != nil {
				return err
			}
			more, err := customRights(command.value, custom, list)
			list = append(list, more...)
			switch {
			case err != nil:
				return err
			case explain && format.value == "json":
				return writeRights(streams, command.value, list)
			case explain:
				return writeTo(streams.Out, explainRights(list, len(custom) == 0, printOptions(streams.Out, colorNever)))
			}
			return writeTo(streams.Out, clusterRole(role, command.value, way.value, list))
		},
	}
	choose.addFlags(cmd)
	addChoice(cmd, &command, "for", "", "Which command the role is for")
	addChoice(cmd, &way, "kubelets", "", "How doctor reads the kubelets whose version does not decide: --kubelets of doctor, or none")
	addChoice(cmd, &format, "output", "o", "Format of --explain")
	cmd.Flags().StringVar(&role, "name", "kubectl-sidecar", "`name` of the ClusterRole")
	cmd.Flags().BoolVar(&as, "as-controllers", true, "With the right to impersonate the controllers that create pods; without it, run with --as-controllers=false, too")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "With the rights of why --watch")
	cmd.Flags().StringArrayVar(&custom, "custom", nil, "With the rights to try the templates of custom resources, as `RESOURCE.GROUP`; repeatable")
	cmd.Flags().BoolVar(&explain, "explain", false, "Say what each right is for and what is lost without it")
	return cmd
}

// kubeletsNone is for clusters without kubelets of 1.28 to 1.32, and for who does without.
const kubeletsNone = "none"

func wayOf(kubelets string) collect.KubeletWay {
	if kubelets == kubeletsNone {
		return ""
	}
	return collect.KubeletWay(kubelets)
}

// commandRights is what a command needs.
func commandRights(command string, choose selection, way collect.KubeletWay) ([]right, error) {
	if command != "doctor" && len(choose.only)+len(choose.skip) > 0 {
		return nil, usage("leave them out", "--for %s: --checks and --skip are about the checks of doctor", command)
	}
	switch command {
	case "why":
		return rights(collect.PodRules(), collect.Rule.PodGaps), nil
	case "webhooks":
		return clusterRights(webhookKinds, way), nil
	case "plan":
		return planRights(way), nil
	case "lint":
		list := readRights(slices.Concat(collect.Rules(lintKinds), collect.WorkloadRules()))
		return slices.DeleteFunc(list, right.optional), nil
	case "convert":
		list := readRights(slices.Concat(collect.ObjectRules(), collect.Rules(plan.BlockKinds)))
		return slices.DeleteFunc(list, right.optional), nil
	}
	list, err := choose.checks()
	if err != nil {
		return nil, err
	}
	return rightsOf(list, way), nil
}

// writeRights is --explain for programs.
func writeRights(streams genericiooptions.IOStreams, command string, list []right) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(struct {
		APIVersion string  `json:"apiVersion"`
		Kind       string  `json:"kind"`
		Command    string  `json:"command"`
		Rights     []right `json:"rights"`
	}{facts.APIVersion, "Rights", command, list}); err != nil {
		return err
	}
	return writeTo(streams.Out, out.Bytes())
}

// clusterRole is YAML for kubectl apply, with comments for whoever has to approve it.
func clusterRole(name, command, kubelets string, list []right) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `# What kubectl sidecar %[2]s reads, and what for. After kubectl apply, bind it:
#   kubectl create clusterrolebinding %[1]s --clusterrole=%[1]s --user=NAME
# Every rule can be left out: what it is for is then unknown.
`, name, command)
	if command == "why" {
		out.WriteString("# Who took a field from a pod is found out with the rights of doctor, besides.\n")
	}
	switch kubelets {
	case kubeletsNone:
		out.WriteString("# No kubelet is read: if there are any of 1.28 to 1.32, whether their gate is on is unknown.\n")
	case string(collect.KubeletsDirect):
		fmt.Fprintf(&out, "# Kubelets are read at their own addresses: %s --kubelets direct\n", command)
	}
	fmt.Fprintf(&out, "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: %s\nrules:\n", name)
	var above []string
	for len(list) > 0 {
		same := 1
		for same < len(list) && alike(list[0], list[same]) {
			same++
		}
		if lines := comments(list[0]); !slices.Equal(lines, above) {
			fmt.Fprintf(&out, "# %s\n", strings.Join(lines, "\n# "))
			above = lines
		}
		rule := list[0].rule()
		for _, r := range list[1:same] {
			rule.Resources = append(rule.Resources, r.Resource)
		}
		if len(rule.NonResourceURLs) > 0 {
			fmt.Fprintf(&out, "- nonResourceURLs: %s\n", flow(rule.NonResourceURLs))
		} else {
			fmt.Fprintf(&out, "- apiGroups: %s\n  resources: %s\n", flow(rule.APIGroups), flow(rule.Resources))
			if len(rule.ResourceNames) > 0 {
				fmt.Fprintf(&out, "  resourceNames: %s\n", flow(rule.ResourceNames))
			}
		}
		fmt.Fprintf(&out, "  verbs: %s\n", flow(rule.Verbs))
		list = list[same:]
	}
	return out.Bytes()
}

// alike reports whether two rights differ in their resources only.
func alike(a, b right) bool {
	return a.Path == "" && b.Path == "" && a.Group == b.Group && a.Verb == b.Verb && slices.Equal(a.Names, b.Names) && slices.Equal(comments(a), comments(b))
}

func comments(r right) []string {
	var out []string
	for _, u := range r.Uses {
		for _, line := range print.Wrap(u.Why, defaultWidth-2) {
			if !slices.Contains(out, line) {
				out = append(out, line)
			}
		}
	}
	if where := r.where(); where != "" {
		out = append(out, "Needed in namespace "+where+" only: a Role there would do.")
	}
	if r.optional() {
		out = append(out, "Optional: other rights may answer the same.")
	}
	if r.Danger != "" {
		out = append(out, print.Wrap("DANGER: "+r.Danger+".", defaultWidth-2)...)
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

// explainRights is the same for people; with what is not in it for custom resources, unless they were named.
func explainRights(list []right, unnamed bool, o print.Options) []byte {
	var out bytes.Buffer
	paragraph := func(lead, text string) {
		for i, l := range print.Wrap(lead+text, o.Width-4) {
			indent := "  "
			if i > 0 {
				indent = "    "
			}
			fmt.Fprintf(&out, "%s%s\n", indent, l)
		}
	}
	for i, r := range list {
		if i > 0 {
			fmt.Fprintln(&out)
		}
		where := "the whole cluster"
		if r.where() != "" {
			where = "namespace " + r.where()
		}
		if len(r.Names) > 0 {
			where += ", of the name " + strings.Join(r.Names, " or ") + " only"
		}
		fmt.Fprintf(&out, "%s in %s\n", r, where)
		for _, u := range r.Uses {
			paragraph("for: ", u.Why)
			if u.Unless != "" {
				paragraph("not needed if you grant: ", u.Unless)
			}
		}
		if r.optional() {
			paragraph("optional: ", "other rights may answer the same")
		}
		if len(r.Gaps) > 0 {
			paragraph("not seen without it: ", joined(r.Gaps))
		}
		if len(r.Checks) > 0 {
			paragraph("unknown without it, where nothing else tells: ", strings.Join(r.Checks, ", "))
		}
		if r.Danger != "" {
			paragraph("danger: ", r.Danger)
		}
	}
	if unnamed && triesTemplates(list) {
		explainCustom(&out, paragraph)
	}
	return out.Bytes()
}

func joined(kinds []facts.Kind) string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return strings.Join(out, ", ")
}
