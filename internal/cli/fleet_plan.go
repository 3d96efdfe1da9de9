package cli

import (
	"bytes"
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

func (o *planOptions) checkFleet(cmd *cobra.Command) error {
	if o.fleet.on(cmd) {
		if err := namedOne(len(o.names), "plan"); err != nil {
			return err
		}
	}
	return o.fleet.check(cmd, o.cluster, map[string]string{"filename": hintFleetFiles, "recursive": hintFleetFiles})
}

// runFleet makes the plan of each cluster.
func (o *planOptions) runFleet(ctx context.Context) error {
	run := &fleetRun[*plan.Plan]{
		flags: &o.fleet, cluster: o.cluster, streams: o.streams,
		limit: 2 * o.cluster.timeout, // of what decides about all workloads, and of the workloads
		ask: func(ctx context.Context, one *clusterFlags, streams genericiooptions.IOStreams) (*plan.Plan, error) {
			alone := *o
			alone.cluster, alone.streams = one, streams
			if !o.allNamespaces {
				var err error
				if alone.namespace, _, err = one.loader().Namespace(); err != nil {
					return nil, couldNotRun("see what is used: kubectl config view --minify --context NAME", fmt.Errorf("reading the kubeconfig: %w", err))
				}
			}
			p, err := alone.plan(ctx)
			if err == nil {
				p.Context = *one.kube.Context
			}
			return p, err
		},
		unread: func(name string, why report.Unreached) *plan.Plan {
			return plan.Unreachable(name, o.fleet.serverOf(name), plan.Unreached(why), buildVersion().Version)
		},
	}
	f := plan.NewFleet(run.each(ctx), buildVersion().Version)
	var out bytes.Buffer
	if err := print.PlanFleet(&out, f, o.format.value); err != nil {
		return err
	}
	if err := writeTo(o.streams.Out, out.Bytes()); err != nil {
		return err
	}
	return exitWith(ctx, f.ExitCode)
}
