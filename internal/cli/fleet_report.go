package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

const (
	hintFleetFiles    = "a file is one cluster's: leave one of the two out"
	hintFleetBaseline = "a baseline is of one cluster; compare two lists: kubectl sidecar diff BEFORE AFTER"
)

// A fleetCommand is how a command makes the report of one of several clusters.
type fleetCommand struct {
	name    string
	fleet   *fleetFlags
	cluster *clusterFlags
	streams genericiooptions.IOStreams
	output  *outputs
	color   string
	limit   time.Duration
	checks  []checks.Check // all there are
	runs    func(id string) bool
	report  func(ctx context.Context, one *clusterFlags, streams genericiooptions.IOStreams) (*report.Report, error)
	// obey lets the caller's --fail-on decide about a report; nil for a command that has none.
	obey func(ctx context.Context, r *report.Report) error
}

// run asks the clusters, prints one document, and exits as the worst of them wants it.
func (c *fleetCommand) run(ctx context.Context) error {
	if err := c.output.checkFleet(); err != nil {
		return err
	}
	out, err := c.output.open(c.streams)
	if err != nil {
		return err
	}
	defer out.discard()
	run := &fleetRun[*report.Report]{
		flags: c.fleet, cluster: c.cluster, streams: c.streams, limit: c.limit,
		ask: func(ctx context.Context, one *clusterFlags, streams genericiooptions.IOStreams) (*report.Report, error) {
			r, err := c.report(ctx, one, streams)
			if err == nil {
				r.Cluster.Context = *one.kube.Context
			}
			return r, err
		},
		unread: func(name string, why report.Unreached) *report.Report {
			of := report.Cluster{Context: name, Server: c.fleet.serverOf(name)}
			return report.Unreachable(c.name, of, c.checks, c.runs, why, buildVersion().Version)
		},
	}
	reports := run.each(ctx)
	if c.obey != nil {
		for _, r := range reports {
			if err := c.obey(ctx, r); err != nil {
				return err
			}
		}
	}
	f := report.NewFleet(c.name, reports, buildVersion().Version)
	if err := out.printFleet(f, c.color); err != nil {
		return err
	}
	return exitWith(ctx, f.ExitCode)
}

// selected reports whether a check is among those to run.
func selected(list []checks.Check) func(id string) bool {
	return func(id string) bool {
		return slices.ContainsFunc(list, func(c checks.Check) bool { return c.ID == id })
	}
}

// obeying is --fail-on for each report; Ctrl-C counts once, for all of them.
func obeying(failOn string) func(ctx context.Context, r *report.Report) error {
	return func(ctx context.Context, r *report.Report) error {
		rule, err := exitRule(context.WithoutCancel(ctx), failOn, r)
		if err == nil {
			r.Obey(*rule)
		}
		return err
	}
}

// checkFleet refuses formats that are about one cluster.
func (o *outputs) checkFleet() error {
	for _, t := range o.typed {
		if t.format.Fleet == nil {
			return usage("ask one cluster: --context NAME", "--contexts excludes -o %s", t.format.Name)
		}
	}
	return nil
}

// printFleet writes a list of reports everywhere, each in one piece.
func (o *openOutputs) printFleet(f *report.Fleet, color string) error {
	return o.write(color, func(format print.Format, w io.Writer, options print.Options) error {
		return format.Fleet(w, f, options)
	})
}

func (o *doctorOptions) checkFleet(cmd *cobra.Command) error {
	return o.fleet.check(cmd, o.cluster, map[string]string{"filename": hintFleetFiles, "recursive": hintFleetFiles, "baseline": hintFleetBaseline})
}

func (o *doctorOptions) runFleet(ctx context.Context) error {
	c := &fleetCommand{
		name: "doctor", fleet: &o.fleet, cluster: o.cluster, streams: o.streams, output: &o.output, color: o.color.value,
		limit: o.cluster.timeout + o.wait.limit, checks: cluster.All(), runs: selected(o.list), obey: obeying(o.failOn.value),
		report: func(ctx context.Context, one *clusterFlags, streams genericiooptions.IOStreams) (*report.Report, error) {
			alone := *o
			alone.cluster, alone.streams = one, streams
			return alone.look(ctx)
		},
	}
	return c.run(ctx)
}

func (o *whyOptions) checkFleet(cmd *cobra.Command) error {
	if o.fleet.on(cmd) {
		if err := namedOne(len(o.names), "why"); err != nil {
			return err
		}
	}
	return o.fleet.check(cmd, o.cluster, map[string]string{
		"filename": hintFleetFiles, "recursive": hintFleetFiles, "taken-at": "a cluster is always asked now", "watch": "watch one cluster: --context NAME",
	})
}

func (o *whyOptions) runFleet(ctx context.Context) error {
	c := &fleetCommand{
		name: "why", fleet: &o.fleet, cluster: o.cluster, streams: o.streams, output: &o.output, color: o.color.value,
		limit: o.cluster.timeout, checks: pods.All(), runs: func(string) bool { return true },
		report: func(ctx context.Context, one *clusterFlags, streams genericiooptions.IOStreams) (*report.Report, error) {
			alone := *o
			alone.cluster, alone.streams = one, streams
			a, err := alone.answer(ctx)
			if err != nil {
				return nil, err
			}
			if ctx.Err() != nil {
				a.snapshot.Limits = append(a.snapshot.Limits, interruptedLimit)
			}
			return report.Why(a.snapshot, a.judged, a.asked, buildVersion().Version), nil
		},
	}
	return c.run(ctx)
}

func (o *lintOptions) checkFleet(cmd *cobra.Command) error {
	more := map[string]string{"baseline": hintFleetBaseline, "write-baseline": hintFleetBaseline, "cluster": allowed}
	if o.ask.name != "" {
		more["cluster"] = "each context has its own: leave one of the two out"
	}
	if err := o.fleet.check(cmd, o.cluster, more); err != nil || !o.fleet.on(cmd) {
		return err
	}
	if cmd.Flags().Changed("cluster") && !o.ask.ask {
		return usage("leave one of the two out", "--contexts excludes --cluster=false")
	}
	o.ask.ask = true // which clusters is said, so they are asked
	return nil
}

// runFleet judges the same manifests for each cluster, or its own workloads.
func (o *lintOptions) runFleet(ctx context.Context) error {
	stdin, err := o.readStdin(ctx)
	if err != nil {
		return err
	}
	if !o.live() {
		if _, err := within(ctx, "reading the manifests", func() (any, error) { return nil, o.readable(ctx, stdin) }); err != nil {
			return err // what is wrong with the files is not a matter of a cluster
		}
	}
	c := &fleetCommand{
		name: "lint", fleet: &o.fleet, cluster: o.cluster, streams: o.streams, output: &o.output, color: o.color.value,
		limit: o.cluster.timeout, checks: manifests.All(), runs: selected(o.list), obey: obeying(o.failOn.value),
		report: func(ctx context.Context, one *clusterFlags, streams genericiooptions.IOStreams) (*report.Report, error) {
			alone := *o
			alone.cluster, alone.streams = one, streams
			alone.streams.In = bytes.NewReader(stdin)
			return alone.report(ctx)
		},
	}
	return c.run(ctx)
}

// readStdin reads what each cluster is to judge; nothing where stdin is not named.
func (o *lintOptions) readStdin(ctx context.Context) ([]byte, error) {
	if !slices.Contains(o.files, "-") {
		return nil, nil
	}
	return readInput(ctx, o.streams.In, "-", "name a file: -f FILE")
}

func (o *lintOptions) readable(ctx context.Context, stdin []byte) error {
	alone := *o
	alone.streams.In = bytes.NewReader(stdin)
	_, err := alone.read(ctx, nil)
	return err
}

// readReports reads a list of reports of doctor.
func readReports(data []byte, decode func([]byte, any) error) (*report.Fleet, error) {
	f := &report.Fleet{}
	if err := decode(data, f); err != nil {
		return nil, fmt.Errorf("reading the list of reports: %w", err)
	}
	if f.Command == "why" {
		return nil, errors.New("a list of why reports; diff compares those of doctor")
	}
	seen := map[string]bool{}
	for i, r := range f.Items {
		switch {
		case r == nil || r.Kind != "Report" || r.APIVersion != f.APIVersion || len(r.Checks) == 0:
			return nil, fmt.Errorf("item %d of the list is not a report of version %s with checks", i+1, f.APIVersion)
		case strings.TrimSpace(r.Cluster.Context) == "":
			return nil, fmt.Errorf("item %d of the list does not say of which cluster it is: cluster.context is missing", i+1)
		case seen[r.Cluster.Context]:
			return nil, fmt.Errorf("the list has two reports of cluster %q", r.Cluster.Context)
		}
		seen[r.Cluster.Context] = true
	}
	return f, nil
}
