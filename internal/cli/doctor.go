package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// doctorOptions is what was typed.
type doctorOptions struct {
	inspection
	output outputs
	failOn choice
	color  choice
	wait   waiting
	fleet  fleetFlags
}

// failNever is the value of --fail-on that leaves the verdict to the report.
const failNever = "never"

func newDoctor(name string, streams genericiooptions.IOStreams) *cobra.Command {
	o := &doctorOptions{
		inspection: inspection{streams: streams},

		output: outputs{formats: print.Formats},
		failOn: choice{valid: []string{"info", "warning", "error", failNever}, value: "error"},
		color:  choice{valid: []string{colorAuto, colorAlways, colorNever}},
	}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check a cluster, or a file that describes one",
		Long: `Check whether a cluster, or a file that describes one, is ready for native sidecar
containers. Nothing is changed: pods are created with dryRun=All only.

Exit code: 0 nothing found at or above --fail-on; 3 something found; 4 nothing
found, but not all was seen that could show it; 1 could not run; 2 wrong command
line; 130 interrupted. It is the same for every output format. With --fail-on
never, 3 and 4 are 0: for a step that only passes the report on.`,
		Example: examples(name,
			"the cluster of the current context", "doctor",
			"as JSON, also failing for warnings", "doctor -o json --fail-on warning",
			"text in the log of a pipeline, and a file besides", "doctor -o json=report.json",
			"from what kubectl wrote, without a cluster", "doctor -f nodes.yaml -f webhooks.yaml",
			"in a pipeline: only what is new since the baseline", "doctor --baseline baseline.yaml --waivers waivers.yaml",
			"after an upgrade: wait until it is ready, up to five minutes", "doctor --wait 5m",
			"thirty clusters in one table, and a page with a tile for each", "doctor --contexts 'prod-*' -o text -o html=fleet.html",
			"only two checks, in one namespace", "doctor --checks webhook-strips-restart-policy,webhook-breaks-canary -n payments"),
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	addFiles(cmd, &o.files, &o.recursive)
	addOutputs(cmd, &o.output)
	addChoice(cmd, &o.failOn, "fail-on", "", "Lowest severity that makes the exit code 3 or 4; never: only the report tells")
	addChoice(cmd, &o.color, "color", "", "When to use color")
	o.choose.addFlags(cmd)
	o.except.addFlags(cmd)
	o.except.addBaselineFlag(cmd)
	o.wait.addFlags(cmd)
	o.cluster = newClusterFlags(cmd)
	o.fleet.add(cmd, o.cluster)
	return cmd
}

func (o *doctorOptions) run(cmd *cobra.Command) error {
	if err := o.check(cmd); err != nil {
		return err
	}
	if o.fleet.on(cmd) {
		return o.runFleet(cmd.Context())
	}
	out, err := o.output.open(o.streams)
	if err != nil {
		return err
	}
	defer out.discard()
	ctx := cmd.Context()
	r, err := o.look(ctx)
	if err != nil {
		return err
	}
	return deliver(ctx, out, r, o.failOn.value, o.color.value)
}

// deliver prints a report and exits as --fail-on wants it.
func deliver(ctx context.Context, out *openOutputs, r *report.Report, failOn, color string) error {
	rule, err := exitRule(ctx, failOn, r)
	if err != nil {
		return err
	}
	r.Obey(*rule)
	if err := out.print(r, color); err != nil {
		return err
	}
	if r.ExitRule.Exit != report.ExitOK {
		return exit(r.ExitRule.Exit)
	}
	return nil
}

// look makes one report, or with --wait as many as it takes.
func (o *doctorOptions) look(ctx context.Context) (*report.Report, error) {
	if o.wait.limit == 0 {
		return o.report(ctx, o.cluster.timeout)
	}
	if err := o.wait.failOn.UnmarshalText([]byte(o.failOn.value)); err != nil {
		return nil, err
	}
	return o.wait.until(ctx, o.streams.ErrOut, o.cluster.timeout, o.report, func(r *report.Report) bool {
		g, err := exitRule(ctx, o.failOn.value, r)
		return err == nil && g.Exit == report.ExitOK
	})
}

// check refuses combinations that would promise what is not done.
func (o *doctorOptions) check(cmd *cobra.Command) error {
	if err := o.output.check(); err != nil {
		return err
	}
	if err := o.checkFleet(cmd); err != nil {
		return err
	}
	if err := o.prepare(cmd); err != nil {
		return err
	}
	if o.wait.limit > 0 && o.failOn.value == failNever {
		return usage("leave one of the two out", "with --fail-on never there is nothing to --wait for")
	}
	return o.wait.check(cmd)
}

// exitRule is what --fail-on makes of the report. For formats that mark what fails, never is error: the
// exit code does not tell, so that they have to.
func exitRule(ctx context.Context, failOn string, r *report.Report) (*report.ExitRule, error) {
	g := &report.ExitRule{FailOn: checks.Error}
	if failOn != failNever {
		if err := g.FailOn.UnmarshalText([]byte(failOn)); err != nil {
			return nil, err
		}
		g.Exit = r.ExitCode(g.FailOn)
	}
	if ctx.Err() != nil {
		g.Exit = exitInterrupted
	}
	return g, nil
}

// A selection is --checks and --skip.
type selection struct {
	// of is every check that can be selected; nil stands for those on clusters.
	of         func() []checks.Check
	only, skip []string
}

func (s *selection) all() []checks.Check {
	if s.of != nil {
		return s.of()
	}
	return cluster.All()
}

func (s *selection) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&s.only, "checks", nil, "Run only these checks (`ID,...`), and read only what they need")
	cmd.Flags().StringSliceVar(&s.skip, "skip", nil, "Do not run these checks (`ID,...`)")
	completeList(cmd, "checks", idsOf(s.all()))
	completeList(cmd, "skip", idsOf(s.all()))
}

// checks is the checks to run, in the order of the report.
func (s *selection) checks() ([]checks.Check, error) {
	for flag, ids := range map[string][]string{"--checks": s.only, "--skip": s.skip} {
		for _, id := range ids {
			if !slices.Contains(idsOf(s.all()), id) {
				return nil, unknownCheck(flag+": ", id, idsOf(s.all()))
			}
		}
	}
	var out []checks.Check
	for _, c := range s.all() {
		if (len(s.only) == 0 || slices.Contains(s.only, c.ID)) && !slices.Contains(s.skip, c.ID) {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, usage("leave a check out of --skip", "--checks and --skip leave no check to run")
	}
	return out, nil
}

func idsOf(list []checks.Check) []string {
	var ids []string
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids
}

func unknownCheck(where, id string, ids []string) error {
	hint := "list them: kubectl sidecar explain"
	if best := nearest(strings.ToLower(strings.TrimSpace(id)), ids); best != "" {
		hint = "did you mean " + best + "?"
	}
	return usage(hint, "%sunknown check %q", where, id)
}

// kindsOf is what the checks read.
func kindsOf(list []checks.Check) []facts.Kind {
	var kinds []facts.Kind
	for _, k := range facts.Kinds() {
		if slices.ContainsFunc(list, func(c checks.Check) bool { return slices.Contains(c.Reads(), k) }) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}
