package cli

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func newSnapshot(name string, streams genericiooptions.IOStreams) *cobra.Command {
	var (
		from *clusterFlags
		file string
	)
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Write what doctor looks at into a file",
		Long: `Write the facts that doctor looks at, as YAML and without secrets, so that
doctor -f gives the same report elsewhere and later.`,
		Example: examples(name,
			"keep the state before an upgrade", "snapshot -o before.yaml",
			"look at it without the cluster", "doctor -f before.yaml"),
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := from.check(); err != nil {
				return err
			}
			target, err := newTarget(file, streams)
			if err != nil {
				return err
			}
			defer target.discard()
			s, err := from.collect(cmd.Context(), streams, kindsOf(cluster.All()))
			if err != nil {
				return err
			}
			if cmd.Context().Err() != nil {
				return &failure{err: errors.New("interrupted; nothing was written"), code: exitInterrupted}
			}
			var out bytes.Buffer
			if err := s.Write(&out); err != nil {
				return err
			}
			if err := target.finish(out.Bytes()); err != nil {
				return err
			}
			sayGaps(streams, s)
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "-", "Write to this `file`; - is stdout")
	from = newClusterFlags(cmd)
	return cmd
}

// sayGaps tells that the file is not the whole truth, as the exit code of a snapshot does not.
func sayGaps(streams genericiooptions.IOStreams, s *facts.Snapshot) {
	if n := len(s.Gaps); n > 0 {
		fmt.Fprintf(streams.ErrOut, "note: %d facts could not be read; doctor -f says which, and what would help\n", n)
	}
}
