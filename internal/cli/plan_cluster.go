package cli

import (
	"context"
	"errors"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// ofCluster reads the workloads, of which only what becomes their rows is kept, and what decides about all of them. What
// the canaries have to list anyway is not listed again; what they never list is read meanwhile.
func (o *planOptions) ofCluster(ctx context.Context) (*plan.Plan, error) {
	o.cluster.selector = "" // of workloads, not of namespaces
	*o.cluster.kube.Namespace = o.namespace
	p := plan.New(buildVersion().Version)
	o.cluster.handover = collect.NewHandover(func(w *workload.Workload, meta *metav1.ObjectMeta) {
		if o.wants(w.Kind, meta) {
			p.Add(w, meta)
		}
	})
	config, err := o.cluster.config()
	if err != nil {
		return nil, err
	}
	options := collect.Options{
		Config: config, QPS: o.cluster.qps, Timeout: o.cluster.timeout, RequestTimeout: o.cluster.requestTimeout, Tool: buildVersion().Version,
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	meanwhile := make(chan []read, 1)
	go func() { meanwhile <- o.readAll(running, options, o.early(), p.Add) }()
	s, err := o.cluster.collect(ctx, o.streams, plan.Kinds)
	if err != nil {
		stop()
		<-meanwhile // nothing is added to a plan that nobody waits for
		return nil, err
	}
	progress := startProgress(o.streams.ErrOut)
	defer progress.stop()
	reads := <-meanwhile
	options.Progress = progress.step
	reads = append(reads, o.readAll(ctx, options, o.queries(s.CustomResourceDefinitions), p.Add)...)
	var gaps []facts.Gap
	for _, r := range reads {
		if o.cluster.showRequests {
			progress.stop()
			printRequests(o.streams.ErrOut, r.ledger.Requests())
		}
		switch {
		case r.err != nil && ctx.Err() != nil:
			return nil, &failure{err: errors.New("interrupted before the workloads were read"), code: exitInterrupted}
		case r.err != nil:
			return nil, r.err
		}
		gaps = append(gaps, r.gaps...)
	}
	needs := p.Needs()
	options.Namespace = o.namespace
	unread, ledger, err := collect.References(ctx, options, slices.Contains(needs, plan.Autoscalers), slices.Contains(needs, plan.Ports), p.Refer)
	if o.cluster.showRequests && len(needs) > 0 {
		progress.stop()
		printRequests(o.streams.ErrOut, ledger.Requests())
	}
	if err != nil {
		return nil, err
	}
	out := p.Finish(s, gaps)
	out.Gaps = append(out.Gaps, unread...) // of what else changes: the workloads are there
	if len(o.names) == 0 {
		out.Limits = append(out.Limits, plan.PodsUnread)
	}
	return out, nil
}

// A read is what came of one query of workloads.
type read struct {
	gaps   []facts.Gap
	ledger *collect.Ledger
	err    error
}

// readAll reads the workloads of queries, one after the other, up to the first that fails.
func (o *planOptions) readAll(ctx context.Context, options collect.Options, queries []collect.WorkloadQuery, take collect.TakeWorkload) []read {
	var out []read
	for _, q := range queries {
		gaps, ledger, err := collect.Workloads(ctx, options, q, take)
		if out = append(out, read{gaps, ledger, err}); err != nil {
			break
		}
	}
	return out
}

// early is what is read at once: kinds of which the canaries hand over nothing. Names are looked for later.
func (o *planOptions) early() []collect.WorkloadQuery {
	if len(o.names) > 0 {
		return nil
	}
	q := o.all()
	q.Kinds = collect.NeverHanded
	return []collect.WorkloadQuery{q}
}

func (o *planOptions) all() collect.WorkloadQuery {
	return collect.WorkloadQuery{Namespace: o.namespace, Selector: o.selector, Handed: o.cluster.handover, AnyOrder: true}
}

// queries are what else to read: everything, or each named workload.
func (o *planOptions) queries(custom []facts.CRD) []collect.WorkloadQuery {
	all := o.all()
	all.Custom = custom
	if len(o.names) == 0 {
		all.Kinds = slices.DeleteFunc(slices.Clone(plannedKinds), func(kind string) bool { return slices.Contains(collect.NeverHanded, kind) })
		if len(custom) == 0 && len(all.Kinds) == len(o.cluster.handover.Whole()) {
			return nil
		}
		return []collect.WorkloadQuery{all}
	}
	var out []collect.WorkloadQuery
	for _, n := range o.names {
		q := all
		q.Kind, q.Name = n.Kind(), n.Name
		for _, d := range custom {
			if d.Name == n.Resource || d.Name == n.Resource+"."+d.Group {
				q.Kind = d.Kind
			}
		}
		out = append(out, q)
	}
	return out
}
