package cli

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/minimize"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

// minimizing is --minimize and --neutral-names.
type minimizing struct{ on, neutral bool }

func (m *minimizing) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&m.on, "minimize", false, "Keep only what the findings rest on, for a bug report: doctor -f or why -A -f gives the same answer")
	cmd.Flags().BoolVar(&m.neutral, "neutral-names", false, "With --minimize: replace names by neutral ones, everywhere the same; what software is known by stays, and is listed")
}

func (m *minimizing) check() error {
	if m.neutral && !m.on {
		return usage("add --minimize", "--neutral-names is for --minimize")
	}
	return nil
}

// minimized is the snapshot as it is asked for. It says on stderr what came of it.
func (o *snapshotOptions) minimized(ctx context.Context, s *facts.Snapshot, ofPods bool) (*facts.Snapshot, error) {
	if !o.minimize.on {
		return s, nil
	}
	answer, command := minimize.Doctor, "doctor"
	if ofPods {
		answer, command = minimize.Why, "why -A"
	}
	bounded, cancel := context.WithTimeout(ctx, o.cluster.timeout)
	defer cancel()
	progress := startProgress(o.streams.ErrOut)
	defer progress.stop()
	progress.step("nothing more: minimizing", 0, 0)
	out, err := minimize.Snapshot(bounded, s, answer)
	if err != nil {
		return nil, fmt.Errorf("minimizing the snapshot: %w", err)
	}
	var kept []minimize.Kept
	if o.minimize.neutral {
		if out, kept, err = minimize.Neutral(out, s, answer); err != nil {
			return nil, fmt.Errorf("replacing the names of the snapshot: %w", err)
		}
	}
	progress.stop()
	if bounded.Err() != nil && ctx.Err() == nil {
		fmt.Fprintf(o.streams.ErrOut, "note: there was no time to leave out all that is not needed: allow more with --timeout\n")
	}
	before, after, err := sizes(s, out)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.streams.ErrOut, "note: %d bytes of %d are left; %s -f gives the same answer\n", after, before, command)
	if !o.minimize.neutral {
		fmt.Fprintln(o.streams.ErrOut, "note: names are as they are: replace them with --neutral-names")
		return out, nil
	}
	if names := namesKept(kept); names != "" {
		fmt.Fprintf(o.streams.ErrOut, "note: the answer rests on these names, which stay: %s\n", names)
	}
	fmt.Fprintln(o.streams.ErrOut, "note: read it before you post it: texts that no object names, such as words of logs, stay")
	return out, nil
}

func namesKept(kept []minimize.Kept) string {
	var out []string
	for _, k := range kept {
		out = append(out, print.Escape(k.Class+" "+k.Name))
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

func sizes(before, after *facts.Snapshot) (b, a int, err error) {
	var x, y bytes.Buffer
	if err := before.Write(&x); err != nil {
		return 0, 0, err
	}
	if err := after.Write(&y); err != nil {
		return 0, 0, err
	}
	return x.Len(), y.Len(), nil
}
