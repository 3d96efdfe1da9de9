package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// webhookKinds is what the table of webhooks is made of.
var webhookKinds = []facts.Kind{facts.MutatingWebhooks, facts.MutatingPolicies, facts.Namespaces, facts.Canaries}

func newWebhooks(name string, streams genericiooptions.IOStreams) *cobra.Command {
	var (
		cluster   *clusterFlags
		files     []string
		recursive bool
		format    = choice{valid: []string{"text", "json"}}
	)
	cmd := &cobra.Command{
		Use:   "webhooks",
		Short: "List the mutating webhooks and what they do to native sidecars",
		Long: `List the mutating webhooks and policies in the order in which the API server calls
them, for how many namespaces, and what they do to pods with native sidecars.

What they do is found out as doctor does: with pods that are created with dryRun=All,
and by calling each webhook directly where one of those was changed.`,
		Example: examples(name,
			"all webhooks of the cluster", "webhooks",
			"who is called for the pods of one namespace?", "webhooks -n payments"),
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s *facts.Snapshot
			var err error
			if len(files) > 0 {
				if err = cluster.checkTimeout(); err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(cmd.Context(), cluster.timeout)
				defer cancel()
				s, err = readFiles(ctx, streams.In, files, recursive)
			} else if err = cluster.check(); err == nil {
				s, err = cluster.collect(cmd.Context(), streams, webhookKinds)
			}
			if err != nil {
				return err
			}
			if err := printWebhooks(streams, format.value, s); err != nil {
				return err
			}
			return exitWith(cmd.Context(), report.ExitOK)
		},
	}
	addFiles(cmd, &files, &recursive)
	addChoice(cmd, &format, "output", "o", "Output format")
	cluster = newClusterFlags(cmd)
	return cmd
}

func printWebhooks(streams genericiooptions.IOStreams, format string, s *facts.Snapshot) error {
	rows, gaps := harmless(cluster.ViewOf(s).Webhooks(), s.Gaps)
	var out bytes.Buffer
	if format == "json" {
		enc := json.NewEncoder(&out)
		enc.SetIndent("", "  ")
		err := enc.Encode(struct {
			APIVersion string               `json:"apiVersion"`
			Kind       string               `json:"kind"`
			Webhooks   []cluster.WebhookRow `json:"webhooks"`
			Missing    []facts.Gap          `json:"missing"`
		}{facts.APIVersion, "Webhooks", rows, gaps})
		if err != nil {
			return err
		}
		return writeTo(streams.Out, out.Bytes())
	}
	if err := webhookTable(&out, rows); err != nil {
		return err
	}
	for _, g := range gaps {
		fmt.Fprintf(&out, "? %s %s: %s\n  -> %s\n", g.Kind, g.Scope, g.Reason, strings.ReplaceAll(g.Remedy, "\n", "\n     "))
	}
	return writeTo(streams.Out, out.Bytes())
}

// harmless escapes what is printed, in every format alike: JSON's own escaping ends at the first jq -r.
func harmless(rows []cluster.WebhookRow, gaps []facts.Gap) ([]cluster.WebhookRow, []facts.Gap) {
	for i := range rows {
		rows[i] = print.CleanWebhook(rows[i])
	}
	out := []facts.Gap{}
	for _, g := range gaps {
		out = append(out, print.CleanGap(g))
	}
	return rows, out
}

func webhookTable(out *bytes.Buffer, rows []cluster.WebhookRow) error {
	if len(rows) == 0 {
		out.WriteString("no mutating webhook or policy\n")
		return nil
	}
	table := tablewriter.NewTable(out,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithRowAutoWrap(tw.WrapNone), tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAlignment(tw.AlignLeft), tablewriter.WithRowAlignment(tw.AlignLeft))
	table.Header("ORDER", "WEBHOOK", "BACKEND", "FAILURE", "SIDE EFFECTS", "TIMEOUT", "NAMESPACES", "CLASSES", "RESULT", "PROOF")
	for _, r := range rows {
		order, timeout := "policy", "-"
		if r.Order > 0 {
			order = strconv.Itoa(r.Order)
		}
		if r.TimeoutSeconds > 0 {
			timeout = fmt.Sprintf("%ds", r.TimeoutSeconds)
		}
		cells := []string{order, r.Name, orDash(r.Backend), orDash(r.FailurePolicy), orDash(r.SideEffects), timeout,
			strconv.Itoa(r.Namespaces), orDash(someOf(r.Classes)), r.Result, orDash(r.Proof)}
		if err := table.Append(cells); err != nil {
			return err
		}
	}
	return table.Render()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// someOf names a few classes, and how many more there are.
func someOf(list []string) string {
	const shown = 3
	list = slices.Clone(list)
	if more := len(list) - shown; more > 0 {
		return strings.Join(list[:shown], ",") + fmt.Sprintf(",+%d", more)
	}
	return strings.Join(list, ",")
}
