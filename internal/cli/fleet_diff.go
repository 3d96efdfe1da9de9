package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// A side is one of the two that are compared: a report, or a list of them.
type side struct {
	alone *report.Report
	fleet *report.Fleet
}

// listed is the list of reports that a file is; nil for any other file.
func (o *diffOptions) listed(data []byte, name string) (*report.Fleet, error) {
	if !bytes.Contains(data, []byte(report.FleetKind)) {
		return nil, nil
	}
	var head struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(data, &head); err != nil || head.Kind != report.FleetKind {
		return nil, nil //nolint:nilerr // whatever it is instead, its reader says what is wrong
	}
	if head.APIVersion != facts.APIVersion {
		return nil, couldNotRun(hintDiff, fmt.Errorf("%s: a list of reports of version %s; this program reads %s", display(name), head.APIVersion, facts.APIVersion))
	}
	f, err := readReports(data, func(data []byte, to any) error { return yaml.Unmarshal(data, to) })
	if err != nil {
		return nil, couldNotRun("write one with: kubectl sidecar doctor --contexts all -o json=FILE", fmt.Errorf("%s: %w", display(name), err))
	}
	for i, r := range f.Items {
		f.Items[i] = o.chosen(r)
	}
	return f, nil
}

// pair refuses to compare one cluster with several.
func pair(before, after side, beforeName, afterName string) error {
	if (before.fleet == nil) == (after.fleet == nil) {
		return nil
	}
	list, alone := beforeName, afterName
	if before.fleet == nil {
		list, alone = afterName, beforeName
	}
	return couldNotRun("compare two lists (doctor --contexts ... -o json=FILE), or two reports",
		fmt.Errorf("%s is a list of the reports of several clusters, %s is about one", list, alone))
}

// compareFleets prints what became of several clusters.
func (o *diffOptions) compareFleets(ctx context.Context, before, after *report.Fleet, beforeName, afterName string) error {
	d := report.CompareFleets(before, after, beforeName, afterName, buildVersion().Version)
	var out bytes.Buffer
	if err := print.FleetDiff(&out, d, o.output.value, printOptions(o.streams.Out, o.color.value)); err != nil {
		return fmt.Errorf("printing the diff as %s: %w", o.output.value, err)
	}
	if err := writeTo(o.streams.Out, out.Bytes()); err != nil {
		return err
	}
	return o.exit(ctx, d.ExitCode)
}

// errNoSecond is a list that is to be compared with the cluster of the current context.
var errNoSecond = errors.New("a list of the reports of several clusters is compared with another list")
