package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// exceptions are the decisions that findings do not count, and that gaps are accepted. Nothing of it is
// looked for: what is not named on the command line or on an object of the cluster is no exception.
type exceptions struct {
	files       []string
	baseline    string
	annotations bool

	read []report.Waiver // of the files, once loaded
}

const (
	hintWaivers  = "what is in such a file: docs/exit-codes.md"
	hintBaseline = "write one with: kubectl sidecar baseline -o FILE"
)

func (e *exceptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&e.files, "waivers", nil, "Do not count the findings, and accept the gaps, that this `file` names with a reason and an end date; repeatable")
	cmd.Flags().BoolVar(&e.annotations, "annotations", true, "Do not count what the kubectl-sidecar.dev/ignore annotation of an object names; with =false, nobody can loosen this gate from inside the cluster")
}

func (e *exceptions) addBaselineFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&e.baseline, "baseline", "", "Count only findings that are not in this `file`, which kubectl sidecar baseline wrote")
}

// load reads the files, before a cluster is asked for what they are about.
func (e *exceptions) load(ctx context.Context) error {
	e.read = nil
	read := func(name, hint string, parse func([]byte, string) ([]report.Waiver, error)) error {
		if name == "-" {
			return usage("name a file", "stdin is for -f")
		}
		data, err := readInput(ctx, nil, name, hint)
		if err != nil {
			return err
		}
		found, err := parse(data, name)
		if err != nil {
			return waiverFailure(hint, err)
		}
		e.read = append(e.read, found...)
		return nil
	}
	for _, name := range e.files {
		if err := read(name, hintWaivers, report.ReadWaivers); err != nil {
			return err
		}
	}
	if e.baseline == "" {
		return nil
	}
	return read(e.baseline, hintBaseline, report.ReadBaseline)
}

// waiverFailure says what is wrong with a file, and what was probably meant.
func waiverFailure(hint string, err error) error {
	var bad *report.WaiverFileError
	if errors.As(err, &bad) && bad.Typed != "" {
		if best := nearest(bad.Typed, bad.Valid); best != "" {
			hint = "did you mean " + best + "?"
		} else if len(bad.Valid) < 15 {
			hint = didYouMean(bad.Typed, bad.Valid)
		} else {
			hint = "list them: kubectl sidecar explain"
		}
	}
	return couldNotRun(hint, err)
}

// apply is the report without what does not count today.
func (e *exceptions) apply(r *report.Report, s *facts.Snapshot) *report.Report {
	return e.applied(r, report.Annotations(s))
}

// applied is the same for annotations that do not stand in a snapshot.
func (e *exceptions) applied(r *report.Report, annotations []report.Waiver) *report.Report {
	waivers := e.read
	if e.annotations {
		waivers = append(waivers[:len(waivers):len(waivers)], annotations...)
	}
	return report.Waive(r, waivers, time.Now())
}
