package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// newWhyClusterFlags is how `why` reaches a cluster: as doctor does, without what is about
// kubelets and the choice of canaries.
func newWhyClusterFlags(cmd *cobra.Command) *clusterFlags {
	c := &clusterFlags{
		scrape:      choice{valid: []string{string(collect.ScrapeAuto)}, value: string(collect.ScrapeAuto)},
		concurrency: collect.DefaultConcurrency,
	}
	own := cmd.Flags()
	c.addQPS(own)
	own.DurationVar(&c.timeout, "timeout", collect.DefaultTimeout, "How long the run may take; what was not read by then is unknown")
	own.BoolVar(&c.showRequests, "show-requests", false, "List every request that was sent, on stderr")
	c.addKubeconfigFlags(cmd, map[string]string{
		"namespace":       "Namespace of the named resources",
		"request-timeout": "How long to wait for an answer; each request gets four times as long",
	})
	return c
}

// options is how to read the cluster, and the namespace of the context or the flag.
func (o *whyOptions) options() (collect.Options, string, error) {
	config, err := o.cluster.config()
	if err != nil {
		return collect.Options{}, "", err
	}
	namespace, _, err := o.cluster.loader().Namespace()
	if err != nil {
		return collect.Options{}, "", couldNotRun("see what is used: kubectl config view --minify", fmt.Errorf("reading the kubeconfig: %w", err))
	}
	return collect.Options{
		Config: config, Until: time.Now().Add(o.cluster.timeout), RequestTimeout: o.cluster.requestTimeout,
		QPS: o.cluster.qps, NoURLs: !o.cluster.askURLs, AskHosts: o.cluster.askHosts, NoImpersonation: !o.cluster.controllers,
		Tool: buildVersion().Version,
	}, namespace, nil
}

// mostLogs is how many containers' logs are read when logs are asked for.
const mostLogs = 50

// mostUnasked is how many of them are read where nobody asked for logs and only they tell the root cause.
const mostUnasked = 10

// readLogs reads what only logs tell, and reports whether there was any to read: whether containers that failed were
// too early for a sidecar, and what the container to blame says. For the latter it has to be asked, unless one pod is
// in trouble.
func (o *whyOptions) readLogs(ctx context.Context, reader *collect.PodReader, judged pods.Judgment) bool {
	if !o.logs || ctx.Err() != nil {
		return false
	}
	most := mostUnasked
	if o.logsAsked {
		most = mostLogs
	}
	var sources []collect.LogSource
	add := func(source collect.LogSource) {
		if len(sources) < most && !slices.Contains(sources, source) {
			sources = append(sources, source)
		}
	}
	for _, l := range judged.LogsToRead() {
		add(collect.LogSource{Namespace: l.Namespace, Pod: l.Pod, Container: l.Container, Previous: l.Previous})
	}
	for _, d := range judged.Diagnoses {
		if source, ok := logSourceOf(d); ok && (len(judged.Diagnoses) == 1 || o.logsAsked) {
			add(source)
		}
	}
	if len(sources) > 0 {
		reader.ReadLogs(ctx, sources)
	}
	return len(sources) > 0
}

// logSourceOf is whose log to read for a diagnosis; false where no container of it has run.
func logSourceOf(d pods.Diagnosis) (collect.LogSource, bool) {
	row := d.Blamed()
	if row == nil {
		return collect.LogSource{}, false
	}
	return collect.LogSource{Namespace: d.Object.Namespace, Pod: d.Pods[0], Container: row.Name, Previous: row.Restarts > 0}, true
}

// admissionKinds is what tells who stripped a field from a pod.
var admissionKinds = []facts.Kind{
	facts.APIServers, facts.ControlPlane, facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies, facts.Canaries,
}

// readAdmission finds out who stripped a field from a pod, where one did: as doctor does, for the
// namespace of the pod. It returns what it sent.
func (o *whyOptions) readAdmission(ctx context.Context, options collect.Options, snapshot *facts.Snapshot, diagnoses []pods.Diagnosis) *collect.Ledger {
	if ctx.Err() != nil {
		return nil
	}
	var namespaces []string
	for _, d := range diagnoses {
		if d.RootCause != checks.RestartPolicyStripped && d.RootCause != checks.WebhookBreaksPodUpdates {
			continue
		}
		if !slices.Contains(namespaces, d.Object.Namespace) {
			namespaces = append(namespaces, d.Object.Namespace)
		}
		options.Pods = append(options.Pods, onePod(snapshot, d)...)
	}
	if len(namespaces) == 0 {
		return nil
	}
	options.Kinds = admissionKinds
	if len(namespaces) == 1 {
		options.Namespace = namespaces[0]
	}
	if !time.Now().Before(options.Until) {
		snapshot.Limits = append(snapshot.Limits, "the run timed out before asking who stripped restartPolicy: allow more, --timeout 5m")
	}
	found, ledger, err := collect.Run(ctx, options)
	if err != nil {
		snapshot.Gaps = append(snapshot.Gaps, facts.NewGap(facts.Canaries, facts.Instance{}, err.Error(),
			facts.Do("find out who it was:", "kubectl sidecar doctor -n "+namespaces[0])))
		return ledger
	}
	joinAdmission(snapshot, found)
	return ledger
}

// onePod is one of the pods that a diagnosis is about: they have the same owner, hence the same shape.
func onePod(s *facts.Snapshot, d pods.Diagnosis) []corev1.Pod {
	for _, p := range s.Pods {
		if p.Namespace == d.Object.Namespace && slices.Contains(d.Pods, p.Name) {
			return []corev1.Pod{p}
		}
	}
	return nil
}

// joinAdmission adds what was found about admission.
func joinAdmission(to, from *facts.Snapshot) {
	to.ServerVersion = from.ServerVersion
	to.APIServers, to.APIServerLeases, to.APIServerEndpoints = from.APIServers, from.APIServerLeases, from.APIServerEndpoints
	to.ControlPlane, to.Namespaces = from.ControlPlane, from.Namespaces
	to.MutatingWebhooks, to.MutatingPolicies = from.MutatingWebhooks, from.MutatingPolicies
	to.Classes, to.Canaries = from.Classes, from.Canaries
	to.Workloads, to.PodUpdates, to.WorkloadsTried = from.Workloads, from.PodUpdates, from.WorkloadsTried
	to.Gaps = append(to.Gaps, from.Gaps...)
	for _, kind := range from.Seen {
		if !to.Has(kind) {
			to.Seen = append(to.Seen, kind)
		}
	}
}
