package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// An inspection is how a report on a cluster comes about: of what, with which checks, and what does not
// count.
type inspection struct {
	streams genericiooptions.IOStreams
	cluster *clusterFlags
	files   []string // instead of a cluster
	// recursive reads the folders in folders among the files.
	recursive bool
	choose    selection
	except    exceptions

	list []checks.Check // those to run, once prepared
}

// prepare refuses what would promise more than is done, and reads the files of exceptions.
func (i *inspection) prepare(cmd *cobra.Command) error {
	var err error
	if i.list, err = i.choose.checks(); err != nil {
		return err
	}
	if len(i.files) == 0 {
		if err := i.cluster.check(); err != nil {
			return err
		}
		return i.except.load(cmd.Context())
	}
	if err := i.cluster.checkTimeout(); err != nil {
		return err
	}
	for _, flag := range []string{"namespace", "selector", "scrape", "kubelets", "ask-urls", "ask-url", "show-requests", "wait"} {
		if f := cmd.Flags().Lookup(flag); f != nil && f.Changed {
			return usage("with -f no cluster is asked: leave one of the two out", "--%s has no effect on a file", flag)
		}
	}
	return i.except.load(cmd.Context())
}

// report looks at the cluster, for no longer than timeout, or at the files, and judges what is there.
func (i *inspection) report(ctx context.Context, timeout time.Duration) (*report.Report, error) {
	if len(i.files) > 0 {
		return i.reportOfFiles(ctx, timeout)
	}
	s, err := i.facts(ctx, timeout)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		s.Limits = append(s.Limits, interruptedLimit)
	}
	return i.judge(s), nil
}

// reportOfFiles judges files, for no longer than timeout: they may have any size.
func (i *inspection) reportOfFiles(ctx context.Context, timeout time.Duration) (*report.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s, err := readFiles(ctx, i.streams.In, i.files, i.recursive)
	if err != nil {
		return nil, err
	}
	return within(ctx, "judging what was read", func() (*report.Report, error) { return i.judge(s), nil })
}

const interruptedLimit = "interrupted: what was not read by then is unknown"

func (i *inspection) facts(ctx context.Context, timeout time.Duration) (*facts.Snapshot, error) {
	limited := *i.cluster
	limited.timeout = timeout
	return limited.collect(ctx, i.streams, kindsOf(i.list))
}

func (i *inspection) judge(s *facts.Snapshot) *report.Report {
	judged := cluster.Judge(s, func(id string) bool {
		return !slices.ContainsFunc(i.list, func(c checks.Check) bool { return c.ID == id })
	})
	return i.except.apply(report.New(s, judged, buildVersion().Version), s)
}
