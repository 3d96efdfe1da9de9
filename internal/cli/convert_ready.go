package cli

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/convert"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

// heed asks the cluster whether it runs native sidecars of the objects that would get some. Where it does not, a patch
// would make an init container of the sidecar, which never exits: there is none. A version that was typed decides alone.
func (c *conversion) heed(ctx context.Context) error {
	if c.o.strategy.version != "" || c.o.strategy.value() != convert.Native || !slices.ContainsFunc(c.files, (*manifest).moves) {
		return nil
	}
	kinds := plan.BlockKinds
	if !slices.ContainsFunc(c.files, (*manifest).custom) {
		kinds = slices.DeleteFunc(slices.Clone(kinds), func(k facts.Kind) bool { return k == facts.CRDs })
	}
	s, err := c.o.readiness(ctx, kinds)
	if err != nil {
		return err
	}
	blocks, unready := plan.BlocksOf(s), c.o.plan()
	unready.Unready = true
	for _, f := range c.files {
		for i := range f.done {
			d := &f.done[i]
			if d.native() {
				d.blocks = blocks(d.Workload)
			}
			if slices.ContainsFunc(d.blocks, certain) {
				d.Plan, d.result = convert.Of(f.documents[0].Workloads[i], unready), nil
			}
		}
	}
	return nil
}

// moves reports whether a workload of the manifest gets native sidecars.
func (f *manifest) moves() bool { return slices.ContainsFunc(f.done, done.native) }

// native reports whether the workload gets native sidecars.
func (d done) native() bool { return d.changed() && len(d.Moves) > 0 }

func certain(b plan.Block) bool { return !b.Open }

// where are the flags that say which objects are meant, for a command line that means the same ones.
func (c *clusterFlags) where() (words []string) {
	for _, f := range []struct{ flag, value string }{
		{"-n", *c.kube.Namespace}, {"--context", *c.kube.Context}, {"--kubeconfig", *c.kube.KubeConfig},
	} {
		if f.value != "" {
			words = append(words, f.flag, f.value)
		}
	}
	return words
}

// custom reports whether the manifest is of a custom resource, whose schema decides, too.
func (f *manifest) custom() bool {
	return slices.ContainsFunc(f.done, func(d done) bool { return plan.Custom(d.Workload) })
}

// readiness is what the API servers and the nodes are, and the schemas of custom resources where those are asked for.
// Kubelets are not asked.
func (o *convertOptions) readiness(ctx context.Context, kinds []facts.Kind) (*facts.Snapshot, error) {
	asked := *o.cluster
	asked.scrape.value = string(collect.ScrapeNone)
	return asked.collect(ctx, o.streams, kinds)
}

// sayReadiness says why nothing becomes native, or that it is not known whether it would work.
func (o *convertOptions) sayReadiness(out *bytes.Buffer, d done) {
	place := at(d.Workload.Place)
	for _, b := range d.blocks {
		switch {
		case certain(b):
			fmt.Fprintf(out, "%s%s: stays as it is, since native sidecars would not run: %s\n  %s\n", place, d.Workload, print.BlockText(b), print.Unblock(b))
		case d.changed():
			fmt.Fprintf(out, "  it is not known whether native sidecars run there: %s; kubectl sidecar doctor reads it\n", print.BlockText(b))
		}
	}
	if !d.NotReady {
		return
	}
	if len(d.blocks) == 0 {
		fmt.Fprintf(out, "%s%s: no native sidecars in Kubernetes %s: they need 1.%d or later\n", place, d.Workload, gate.Release(o.strategy.minor), convert.NativeSince)
	}
	o.offer(out)
}
