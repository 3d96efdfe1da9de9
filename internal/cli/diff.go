package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/dumps"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

const hintDiff = "take one with: kubectl sidecar snapshot -o FILE, or kubectl sidecar doctor -o json=FILE"

// diffOptions is what was typed.
type diffOptions struct {
	inspection
	output choice
	failOn choice
	color  choice
}

func newDiff(name string, streams genericiooptions.IOStreams) *cobra.Command {
	o := &diffOptions{
		inspection: inspection{streams: streams},

		failOn: choice{valid: []string{"info", "warning", "error", failNever}, value: "error"},
		color:  choice{valid: []string{colorAuto, colorAlways, colorNever}},
	}
	for _, f := range print.DiffFormats {
		o.output.valid = append(o.output.valid, f.Name)
	}
	cmd := &cobra.Command{
		Use:   "diff BEFORE [AFTER]",
		Short: "Say what became better or worse between two snapshots or reports",
		Long: `Compare what doctor says of two files, such as before and after an upgrade: new
findings and those that are gone, what can no longer be seen, nodes with another
kubelet. A file is a snapshot, a doctor report as JSON or YAML, or what kubectl
wrote; - is stdin. Without AFTER, the cluster of the current context is checked.
Two lists of reports, as doctor --contexts writes them, are compared cluster by
cluster.

Exit code: 3 there is a new finding at or above --fail-on; 4 there is none, but
something can no longer be seen; 0 neither; 1 could not run; 2 wrong command line;
130 interrupted. It is the same for every output format.`,
		Example: examples(name,
			"before and after an upgrade", "diff before.yaml after.yaml",
			"what has changed since", "diff before.yaml",
			"the clusters of a fleet, each with what it was", "diff fleet-before.json fleet-after.json",
			"two reports, as JSON", "diff monday.json tuesday.json -o json"),
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) < 1 || len(args) > 2:
				return usage("for example: diff before.yaml after.yaml", "%s takes one or two files, but was given %d", cmd.CommandPath(), len(args))
			case len(args) == 2 && args[0] == "-" && args[1] == "-":
				return usage("name a file for one of them", "stdin can be read only once")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) < 2 {
				return nil, cobra.ShellCompDirectiveDefault // files
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	addChoice(cmd, &o.output, "output", "o", "Output format, to stdout")
	addChoice(cmd, &o.failOn, "fail-on", "", "Lowest severity that makes the exit code 3 or 4; never: only the output tells")
	addChoice(cmd, &o.color, "color", "", "When to use color")
	cmd.Flags().BoolVarP(&o.recursive, "recursive", "R", false, "Read the folders in a folder, too; those of dumps are always read")
	o.choose.addFlags(cmd)
	o.except.addFlags(cmd)
	o.cluster = newClusterFlags(cmd)
	return cmd
}

func (o *diffOptions) run(cmd *cobra.Command, args []string) error {
	if len(args) == 2 {
		o.files = args // no cluster is asked
	}
	if err := o.prepare(cmd); err != nil {
		return err
	}
	ctx := cmd.Context()
	before, err := o.read(ctx, args[0])
	if err != nil {
		return err
	}
	if before.fleet != nil && len(args) == 1 {
		return usage("name the other list", "%s: %w", display(args[0]), errNoSecond)
	}
	var after side
	afterName := "the cluster"
	if len(args) == 2 {
		afterName = display(args[1])
		after, err = o.read(ctx, args[1])
	} else {
		after.alone, err = o.report(ctx, o.cluster.timeout)
	}
	if err != nil {
		return err
	}
	if err := pair(before, after, display(args[0]), afterName); err != nil {
		return err
	}
	if before.fleet != nil {
		return o.compareFleets(ctx, before.fleet, after.fleet, display(args[0]), afterName)
	}
	d := report.Compare(before.alone, o.chosen(after.alone), display(args[0]), afterName, buildVersion().Version)
	if err := o.print(d); err != nil {
		return err
	}
	return o.exit(ctx, d.ExitCode)
}

// read is the report of a file: the one that it is, or what doctor says of it; or the list of reports that it is.
func (o *diffOptions) read(ctx context.Context, name string) (side, error) {
	ctx, cancel := context.WithTimeout(ctx, o.cluster.timeout)
	defer cancel()
	s, err := readFiles(ctx, o.streams.In, []string{name}, o.recursive)
	var written *dumps.ReportError
	var refused *failure
	switch {
	case errors.As(err, &written):
		return o.readReport(ctx, name, written.Text)
	case errors.As(err, &refused) && refused.hint == hintFile:
		return side{}, couldNotRun(hintDiff, refused.err)
	case err != nil:
		return side{}, err
	}
	return within(ctx, "judging "+display(name), func() (side, error) { return side{alone: o.chosen(o.judge(s))}, nil })
}

// readReport is a file that is a report, or a list of them, already.
func (o *diffOptions) readReport(ctx context.Context, name string, text []byte) (side, error) {
	return within(ctx, "reading "+display(name), func() (side, error) {
		if f, err := o.listed(text, name); f != nil || err != nil {
			return side{fleet: f}, err
		}
		r, err := readReport(text)
		if err != nil {
			return side{}, couldNotRun(hintDiff, fmt.Errorf("%s: %w", display(name), err))
		}
		return side{alone: o.chosen(r)}, nil
	})
}

// readReport reads a report of doctor.
func readReport(data []byte) (*report.Report, error) {
	r := &report.Report{}
	if err := yaml.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	switch {
	case r.APIVersion != facts.APIVersion:
		return nil, fmt.Errorf("a report of version %s; this program reads %s", r.APIVersion, facts.APIVersion)
	case r.Diagnoses != nil:
		return nil, errors.New("a why report; diff compares doctor reports")
	case len(r.Checks) == 0:
		return nil, errors.New("a report without a single check")
	}
	return r, nil
}

// chosen is the report without the checks that --checks and --skip leave out.
func (o *diffOptions) chosen(r *report.Report) *report.Report {
	if len(o.choose.only)+len(o.choose.skip) == 0 {
		return r
	}
	out := *r
	out.Checks = slices.DeleteFunc(slices.Clone(r.Checks), func(e report.Entry) bool {
		return !slices.ContainsFunc(o.list, func(c checks.Check) bool { return c.ID == e.ID })
	})
	return &out
}

func (o *diffOptions) print(d *report.Diff) error {
	for _, f := range print.DiffFormats {
		if f.Name != o.output.value {
			continue
		}
		var out bytes.Buffer
		if err := f.Print(&out, d, printOptions(o.streams.Out, o.color.value)); err != nil {
			return fmt.Errorf("printing the diff as %s: %w", f.Name, err)
		}
		return writeTo(o.streams.Out, out.Bytes())
	}
	return nil
}

func (o *diffOptions) exit(ctx context.Context, code func(failOn checks.Severity) int) error {
	if ctx.Err() != nil {
		return exit(exitInterrupted)
	}
	if o.failOn.value == failNever {
		return nil
	}
	var failOn checks.Severity
	if err := failOn.UnmarshalText([]byte(o.failOn.value)); err != nil {
		return err
	}
	if code := code(failOn); code != report.ExitOK {
		return exit(code)
	}
	return nil
}
