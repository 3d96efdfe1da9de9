package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

func newBaseline(name string, streams genericiooptions.IOStreams) *cobra.Command {
	o := &inspection{streams: streams}
	var file string
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "Record what is wrong now, so doctor fails only for what is new",
		Long: `Write the findings of doctor into a file for doctor --baseline, which then does
not count them. A finding is recognized by its check and its object: the same check
on another node, webhook or namespace is new. What is already suppressed is left
out; so is what could not be seen, which may be anything.

Exit code: 0 written; 1 could not run; 2 wrong command line; 130 interrupted.`,
		Example: examples(name,
			"accept what is there, and fail for what is new", "baseline -o baseline.yaml",
			"use it", "doctor --baseline baseline.yaml",
			"from a file, without a cluster", "baseline -f snapshot.yaml -o baseline.yaml"),
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.prepare(cmd); err != nil {
				return err
			}
			target, err := newTarget(file, streams)
			if err != nil {
				return err
			}
			defer target.discard()
			return o.writeBaseline(cmd.Context(), target)
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "-", "Write to this `file`; - is stdout")
	addFiles(cmd, &o.files, &o.recursive)
	o.choose.addFlags(cmd)
	o.except.addFlags(cmd)
	o.cluster = newClusterFlags(cmd)
	return cmd
}

func (i *inspection) writeBaseline(ctx context.Context, target *target) error {
	r, err := i.report(ctx, i.cluster.timeout)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return &failure{err: errors.New("interrupted; nothing was written"), code: exitInterrupted}
	}
	return writeBaselineOf("doctor", r, target, i.streams.ErrOut)
}

// writeBaselineOf writes what a report of a command found.
func writeBaselineOf(command string, r *report.Report, target *target, notes io.Writer) error {
	var out bytes.Buffer
	lines, err := print.Baseline(&out, r)
	if err != nil {
		return err
	}
	if err := target.finish(out.Bytes()); err != nil {
		return err
	}
	fmt.Fprintf(notes, "note: %s in the baseline\n", prose.Counted(lines, "finding"))
	gaps := map[facts.Gap]bool{}
	for _, e := range r.Checks {
		for _, g := range e.Missing {
			gaps[g] = true
		}
	}
	if len(gaps) > 0 {
		fmt.Fprintf(notes, "note: not part of it is what could not be seen (%s): %s says what, and a waiver can accept it\n", prose.Counted(len(gaps), "gap"), command)
	}
	return nil
}
