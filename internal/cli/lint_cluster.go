package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// lintKinds is what the checks on manifests want to know of a cluster.
var lintKinds = []facts.Kind{facts.APIServers, facts.Nodes, facts.CRDs}

// newLintClusterFlags is how lint reaches a cluster, where it does.
func newLintClusterFlags(cmd *cobra.Command) *clusterFlags {
	c := &clusterFlags{
		scrape:      choice{valid: []string{string(collect.ScrapeNone)}, value: string(collect.ScrapeNone)},
		concurrency: collect.DefaultConcurrency, maxCanaries: collect.DefaultMaxCanaries,
	}
	own := cmd.Flags()
	c.addQPS(own)
	own.StringVarP(&c.selector, "selector", "l", "", "Without files: only workloads whose `labels` match, such as app=shop")
	own.IntVar(&c.maxCanaries, "max-canaries", collect.DefaultMaxCanaries, "Create at most this many pods with dryRun=All: one for each class of namespaces and each shape of pods with native sidecars")
	own.DurationVar(&c.timeout, "timeout", collect.DefaultTimeout, "How `long` the run may take; what was not read by then is unknown")
	own.BoolVar(&c.showRequests, "show-requests", false, "List every request that was sent, on stderr")
	c.addKubeconfigFlags(cmd, map[string]string{
		"namespace":       "Without files: only the workloads of this `namespace`",
		"request-timeout": "How `long` to wait for an answer; each request gets four times as long",
	})
	return c
}

// asksCluster reports whether a cluster is asked anything.
func (o *lintOptions) asksCluster() bool { return o.ask.ask || o.live() }

// live reports whether the workloads are those of the cluster.
func (o *lintOptions) live() bool { return len(o.files) == 0 && o.kustomize == "" }

// withoutCanaries leaves out the checks that send canaries, which --cluster allows: none of them has passed where nobody
// was asked.
func (o *lintOptions) withoutCanaries() error {
	sends := func(c checks.Check) bool { return slices.Contains(c.Uses, facts.Canaries) }
	for _, c := range o.list {
		if sends(c) && slices.Contains(o.choose.only, c.ID) {
			return usage("lint with --cluster", "--checks: %s sends canaries to a cluster", c.ID)
		}
	}
	o.list = slices.DeleteFunc(o.list, sends)
	return nil
}

// checkCluster refuses flags about a cluster that is not asked.
func (o *lintOptions) checkCluster(cmd *cobra.Command) error {
	if o.asksCluster() {
		if err := o.cluster.check(); err != nil {
			return err
		}
	}
	for _, flag := range []string{"namespace", "selector"} {
		if !o.live() && cmd.Flags().Changed(flag) {
			return usage("leave it out: all of the files is judged", "--%s has no effect on files", flag)
		}
	}
	if !o.asksCluster() && cmd.Flags().Changed("show-requests") {
		return usage("add --cluster", "--show-requests: no cluster is asked")
	}
	return o.cluster.checkTimeout()
}

// addCluster adds what the cluster tells: versions and schemas, without files its workloads, and what webhooks do to those
// with native sidecars.
func (o *lintOptions) addCluster(ctx context.Context, in *manifests.Input) error {
	limited := *o.cluster
	limited.selector = ""
	limited.until = time.Now().Add(limited.timeout)
	snapshot, err := limited.collect(ctx, o.streams, lintKinds)
	if err != nil {
		return err
	}
	in.Cluster = snapshot
	if v := snapshot.ServerVersion; v != nil && o.version == "" {
		if minor, ok := gate.MinorOf(v.GitVersion); ok {
			in.Minor = minor
		}
	}
	in.Gaps = append(in.Gaps, snapshot.Gaps...)
	if o.live() {
		if err := o.addLive(ctx, limited, in); err != nil {
			return err
		}
	}
	return o.addAdmission(ctx, limited, in)
}

// addLive adds the workloads of the cluster.
func (o *lintOptions) addLive(ctx context.Context, limited clusterFlags, in *manifests.Input) error {
	config, err := o.cluster.config()
	if err != nil {
		return err
	}
	gaps, ledger, err := collect.Workloads(ctx, collect.Options{
		Config: config, Until: limited.until, RequestTimeout: limited.requestTimeout, QPS: limited.qps, Tool: buildVersion().Version,
	}, collect.WorkloadQuery{Namespace: *o.cluster.kube.Namespace, Selector: o.cluster.selector, Custom: in.Cluster.CustomResourceDefinitions,
		Unrecognized: func(u workload.Unrecognized) { in.LiveUnrecognized = append(in.LiveUnrecognized, u) }},
		func(w *workload.Workload, _ *metav1.ObjectMeta) { in.Live = append(in.Live, w) })
	if limited.showRequests && ledger != nil {
		printRequests(o.streams.ErrOut, ledger.Requests())
	}
	if err != nil {
		return err
	}
	in.Read = true
	for _, g := range gaps {
		in.Gaps = append(in.Gaps, facts.NewGap(facts.Workloads, facts.Instance{Kind: "Kind", Name: string(g.Kind)}, g.Reason, g.HowToClose()))
	}
	return nil
}

// addAdmission adds what becomes of canaries of the workloads with native sidecars, on top of what was read.
func (o *lintOptions) addAdmission(ctx context.Context, limited clusterFlags, in *manifests.Input) error {
	if !slices.ContainsFunc(o.list, func(c checks.Check) bool { return c.ID == checks.WebhookStripsWorkload }) {
		return nil
	}
	var err error
	if in.Namespace, _, err = o.cluster.loader().Namespace(); err != nil {
		return couldNotRun("see what is used: kubectl config view --minify", fmt.Errorf("reading the kubeconfig: %w", err))
	}
	if limited.workloads = in.WithNatives(); len(limited.workloads) == 0 {
		return nil
	}
	limited.controllers = true
	s, err := limited.collect(ctx, o.streams, manifests.AdmissionKinds)
	if err != nil {
		return err
	}
	all := *in.Cluster
	all.Namespaces, all.MutatingWebhooks, all.MutatingPolicies = s.Namespaces, s.MutatingWebhooks, s.MutatingPolicies
	all.Classes, all.Canaries, all.Workloads, all.WorkloadsTried = s.Classes, s.Canaries, s.Workloads, s.WorkloadsTried
	all.WebhookCalls = s.WebhookCalls
	all.Gaps = append(slices.Clone(all.Gaps), s.Gaps...)
	all.Seen = append(slices.Clone(all.Seen), s.Seen...)
	in.Cluster = &all
	for _, g := range s.Gaps {
		if !slices.Contains(in.Gaps, g) {
			in.Gaps = append(in.Gaps, g)
		}
	}
	return nil
}

// lintLimits says how the caller narrowed the question, and what is never read.
func (o *lintOptions) lintLimits() []string {
	if !o.live() {
		return o.charts
	}
	out := []string{"bare pods and what belongs to another workload are not judged: kubectl sidecar why looks at pods"}
	if ns := *o.cluster.kube.Namespace; ns != "" {
		out = append(out, fmt.Sprintf("namespace %s only", ns))
	}
	if o.cluster.selector != "" {
		out = append(out, fmt.Sprintf("workloads with labels %s only", o.cluster.selector))
	}
	return out
}
