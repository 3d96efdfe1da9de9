package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

func newSnapshot(name string, streams genericiooptions.IOStreams) *cobra.Command {
	o := &snapshotOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "snapshot [POD | TYPE/NAME ...]",
		Short: "Write what doctor or why looks at into a file",
		Long: `Write the facts that doctor looks at, as YAML and without secrets, so that
doctor -f gives the same report elsewhere and later.

With names, or with --pods, write the facts that why looks at, including the logs
that it reads: why -f gives the same answer from them.

With --minimize only what the findings rest on is kept, for a bug report: what can
be left out without another verdict, finding or diagnosis is. With --neutral-names,
too, names are replaced by neutral ones, everywhere the same, also in messages and
logs. Read it before you post it.`,
		Example: examples(name,
			"keep the state before an upgrade", "snapshot -o before.yaml",
			"look at it without the cluster", "doctor -f before.yaml",
			"send a stuck pod to somebody who has no access to the cluster", "snapshot deploy/web -n shop -o web.yaml",
			"keep every suspicious pod of the cluster", "snapshot --pods -A -o pods.yaml",
			"look at them without the cluster", "why -A -f pods.yaml",
			"report a wrong answer", "snapshot deploy/web -n shop --minimize --neutral-names -o bug.yaml"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			return (&whyOptions{cluster: o.cluster}).complete(cmd, args, typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	own := cmd.Flags()
	own.StringVarP(&o.file, "output", "o", "-", "Write to this `file`; - is stdout")
	own.BoolVar(&o.pods, "pods", false, "Write what why looks at: the suspicious pods of the namespace")
	own.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "With --pods: those of the cluster")
	o.minimize.addFlags(cmd)
	o.cluster = newClusterFlags(cmd)
	return cmd
}

// snapshotOptions is what was typed.
type snapshotOptions struct {
	streams             genericiooptions.IOStreams
	cluster             *clusterFlags
	file                string
	pods, allNamespaces bool
	minimize            minimizing
}

func (o *snapshotOptions) run(cmd *cobra.Command, args []string) error {
	ctx := cmd.Context()
	if err := o.minimize.check(); err != nil {
		return err
	}
	why, err := o.why(cmd, args)
	if err != nil {
		return err
	}
	target, err := newTarget(o.file, o.streams)
	if err != nil {
		return err
	}
	defer target.discard()
	s, err := o.collect(ctx, why)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return &failure{err: errors.New("interrupted; nothing was written"), code: exitInterrupted}
	}
	if s, err = o.minimized(ctx, s, why != nil); err != nil {
		return err
	}
	var out bytes.Buffer
	if err := s.Write(&out); err != nil {
		return err
	}
	if err := target.finish(out.Bytes()); err != nil {
		return err
	}
	sayGaps(o.streams, s, why != nil)
	return nil
}

// why is what to read of pods, or nil for what doctor looks at.
func (o *snapshotOptions) why(cmd *cobra.Command, args []string) (*whyOptions, error) {
	names, err := collect.ParseNames(args)
	switch {
	case err != nil:
		return nil, usage("for example web-7d4b9c6f5-x2k8p or deploy/web", "%w", err)
	case len(names) > 0 && o.pods:
		return nil, usage("leave one of the two out", "names and --pods exclude each other")
	case len(names) == 0 && !o.pods && o.allNamespaces:
		return nil, usage("add --pods, or leave it out: what doctor looks at is always of the whole cluster", "--all-namespaces is for --pods")
	case len(names) == 0 && !o.pods:
		return nil, o.cluster.check()
	}
	why := &whyOptions{
		streams: o.streams, cluster: o.cluster, names: names, selector: o.cluster.selector,
		allNamespaces: o.allNamespaces, namespaced: cmd.Flags().Changed("namespace"), logs: true, logsAsked: true,
	}
	return why, why.check(cmd)
}

func (o *snapshotOptions) collect(ctx context.Context, why *whyOptions) (*facts.Snapshot, error) {
	if why == nil {
		return o.cluster.collect(ctx, o.streams, kindsOf(cluster.All()))
	}
	a, err := why.ask(ctx)
	if err != nil {
		return nil, err
	}
	return a.snapshot, nil
}

// sayGaps tells that the file is not the whole truth, as the exit code of a snapshot does not.
func sayGaps(streams genericiooptions.IOStreams, s *facts.Snapshot, ofPods bool) {
	if n := len(s.Gaps); n > 0 {
		command := "doctor"
		if ofPods {
			command = "why"
		}
		fmt.Fprintf(streams.ErrOut, "note: %s could not be read; %s -f says which, and what would help\n", prose.Counted(n, "fact"), command)
	}
}
