package collect

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Run collects facts from a cluster. It returns an error, and no snapshot, when the cluster could
// not be asked at all ([UnreachableError]), and when the guard refused a request, which is a bug.
// Everything else that goes wrong is a gap in the snapshot; so is what a cancelled ctx or the
// run's time-out left undone. The ledger is never nil.
func Run(ctx context.Context, o Options) (*facts.Snapshot, *Ledger, error) {
	c, err := newCollector(o)
	if err != nil {
		return nil, &Ledger{}, err
	}
	ctx, cancel := c.opts.bounded(ctx)
	defer cancel()
	kinds := withFoundations(c.opts.Kinds)
	if errors.Is(context.Cause(ctx), errRunTime) { // before it began
		c.nothing(ctx, kinds)
		c.finish(kinds)
		return c.snapshot, c.ledger, nil
	}
	c.step("API servers", 0, 0)
	err = c.run(ctx, kinds)
	if broken := c.broken.get(); broken != nil {
		return nil, c.ledger, broken
	}
	if err != nil {
		return nil, c.ledger, err
	}
	c.finish(kinds)
	return c.snapshot, c.ledger, nil
}

func (c *collector) run(ctx context.Context, kinds []facts.Kind) error {
	if err := c.contact(ctx); err != nil {
		return err
	}
	if err := c.askAll(ctx, c.upFront(kinds)); err != nil {
		return err
	}
	c.collect(ctx, kinds)
	return nil
}

// upFront is the rights to ask for at once. Those that may turn out not to be needed are asked for
// when they are.
func (c *collector) upFront(kinds []facts.Kind) []Rule {
	var out []Rule
	for _, r := range Rules(kinds) {
		if !r.Optional && r.Kind != facts.Canaries {
			out = append(out, r)
		}
	}
	return out
}

// collect reads the kinds, at the same time what does not build on each other.
func (c *collector) collect(ctx context.Context, kinds []facts.Kind) {
	if ctx.Err() != nil {
		c.nothing(ctx, kinds)
		return
	}
	wanted := func(k facts.Kind) bool { return slices.Contains(kinds, k) }
	var all sync.WaitGroup
	if wanted(facts.APIServers) {
		all.Go(func() { c.apiServers(ctx) })
	}
	if wanted(facts.ControlPlane) {
		all.Go(func() { c.controlPlane(ctx) })
	}
	switch {
	case wanted(facts.Kubelets):
		all.Go(func() { c.nodesAndKubelets(ctx) })
	case wanted(facts.Nodes):
		all.Go(func() { c.nodes(ctx, nil) })
	}
	if wanted(facts.CRDs) {
		all.Go(func() { c.crds(ctx) })
	}
	all.Go(func() {
		var admission sync.WaitGroup
		for kind, read := range map[facts.Kind]func(context.Context){
			facts.Namespaces: c.namespaces, facts.MutatingWebhooks: c.webhooks, facts.MutatingPolicies: c.mutatingPolicies,
			facts.ValidatingWebhooks: c.validatingWebhooks, facts.ValidatingPolicies: c.validatingAdmissionPolicies,
		} {
			if wanted(kind) {
				admission.Go(func() { read(ctx) })
			}
		}
		admission.Wait()
		if wanted(facts.WebhookBackends) {
			c.backends(ctx)
		}
		if wanted(facts.Canaries) {
			c.canaries(ctx)
			c.workloads(ctx, wanted(facts.CRDs))
		}
	})
	all.Wait()
}

// nothing records that a run was over before it began.
func (c *collector) nothing(ctx context.Context, kinds []facts.Kind) {
	reason, remedy, _ := ended(ctx)
	for _, k := range kinds {
		if k != facts.Clock {
			c.gap(k, whole, reason, remedy)
		}
	}
}

// finish says what was looked for and puts everything into an order that does not depend on which
// answer came first.
func (c *collector) finish(kinds []facts.Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setTime()
	s := c.snapshot
	for _, k := range kinds {
		if !s.Has(k) {
			s.Seen = append(s.Seen, k)
		}
	}
	s.Redact()
	s.Sort()
	slices.SortStableFunc(s.Gaps, func(a, b facts.Gap) int {
		return cmp.Or(cmp.Compare(rank(a.Kind), rank(b.Kind)), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Reason, b.Reason))
	})
	s.Gaps = slices.Compact(s.Gaps)
}

// rank is a kind's place in the table of contents.
func rank(k facts.Kind) int { return slices.Index(facts.Kinds(), k) }
