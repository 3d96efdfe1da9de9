package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// newWhyClusterFlags is how `why` reaches a cluster: as doctor does, without what is about canaries
// and kubelets.
func newWhyClusterFlags(cmd *cobra.Command) *clusterFlags {
	c := &clusterFlags{
		scrape:      choice{valid: []string{string(collect.ScrapeAuto)}, value: string(collect.ScrapeAuto)},
		concurrency: collect.DefaultConcurrency,
	}
	own := cmd.Flags()
	c.addQPS(own)
	own.DurationVar(&c.timeout, "timeout", collect.DefaultTimeout, "How long to look at the cluster; what was not read by then is unknown")
	own.BoolVar(&c.showRequests, "show-requests", false, "List every request that was sent, on stderr")
	c.addKubeconfigFlags(cmd, map[string]string{
		"namespace":       "The namespace of the names",
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
	namespace, _, err := o.cluster.kube.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return collect.Options{}, "", couldNotRun("see what is used: kubectl config view --minify", fmt.Errorf("reading the kubeconfig: %w", err))
	}
	return collect.Options{
		Config: config, Until: time.Now().Add(o.cluster.timeout), RequestTimeout: o.cluster.requestTimeout,
		QPS: o.cluster.qps, NoURLs: !o.cluster.askURLs, Tool: buildVersion().Version,
	}, namespace, nil
}

// mostLogs is how many containers' logs are read when logs are asked for.
const mostLogs = 50

// readLogs reads the log of the container to blame. Without being asked it does so for one pod in
// trouble, not for many.
func (o *whyOptions) readLogs(ctx context.Context, reader *collect.PodReader, snapshot *facts.Snapshot, diagnoses []checks.Diagnosis) {
	if !o.logs || ctx.Err() != nil || len(diagnoses) == 0 || len(diagnoses) > 1 && !o.logsAsked {
		return
	}
	var sources []collect.LogSource
	for _, d := range diagnoses {
		if source, ok := blamed(snapshot, d); ok && len(sources) < mostLogs {
			sources = append(sources, source)
		}
	}
	if len(sources) > 0 {
		reader.ReadLogs(ctx, sources)
	}
}

// blamed is the container whose log may tell more: the one that the pod waits for, else one that
// the answer names, else one that failed. It must have run.
func blamed(snapshot *facts.Snapshot, d checks.Diagnosis) (collect.LogSource, bool) {
	best := suspect(report.Timeline(snapshot, d), strings.FieldsFunc(d.Message, notName))
	if best == nil {
		return collect.LogSource{}, false
	}
	return collect.LogSource{
		Namespace: d.Object.Namespace, Pod: d.Pods[0], Container: best.Name, Previous: best.Restarts > 0,
	}, true
}

// suspect is the first container that ran and is the gate, else is named first, else failed.
func suspect(rows []checks.Row, named []string) *checks.Row {
	find := func(fits func(*checks.Row) bool) *checks.Row {
		for i := range rows {
			if hasRun(&rows[i]) && fits(&rows[i]) {
				return &rows[i]
			}
		}
		return nil
	}
	if gate := find(func(r *checks.Row) bool { return r.Gate }); gate != nil {
		return gate
	}
	for _, word := range named {
		if r := find(func(r *checks.Row) bool { return r.Name == word }); r != nil {
			return r
		}
	}
	return find(func(r *checks.Row) bool { return r.ExitCode != nil && *r.ExitCode != 0 })
}

func hasRun(r *checks.Row) bool {
	return r.ExitCode != nil || r.Restarts > 0 || slices.ContainsFunc(r.Segments, func(s checks.Segment) bool {
		return s.State != checks.SegmentWaiting
	})
}

// notName separates the words of a message: names are of lower case letters, digits, - and dots.
func notName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
}

// admissionKinds is what tells who took a field from a pod.
var admissionKinds = []facts.Kind{
	facts.APIServers, facts.ControlPlane, facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies, facts.Canaries,
}

// strippedID is the check whose findings call for that.
const strippedID = "restart-policy-stripped"

// readAdmission finds out who took a field from a pod, where one did: as doctor does, for the
// namespace of the pod. It returns what it sent.
func (o *whyOptions) readAdmission(ctx context.Context, options collect.Options, snapshot *facts.Snapshot, diagnoses []checks.Diagnosis) *collect.Ledger {
	if ctx.Err() != nil {
		return nil
	}
	var namespaces []string
	for _, d := range diagnoses {
		if d.RootCause != strippedID {
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
		snapshot.Limits = append(snapshot.Limits, "the time for the run was over before it was asked who took restartPolicy away: give it more, --timeout 5m")
	}
	found, ledger, err := collect.Run(ctx, options)
	if err != nil {
		snapshot.Gaps = append(snapshot.Gaps, facts.Gap{
			Kind: facts.Canaries, Reason: err.Error(), Remedy: "find out who it was: kubectl sidecar doctor -n " + namespaces[0],
		})
		return ledger
	}
	joinAdmission(snapshot, found)
	return ledger
}

// onePod is one of the pods that a diagnosis is about: they have the same owner, hence the same shape.
func onePod(s *facts.Snapshot, d checks.Diagnosis) []corev1.Pod {
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
	to.Gaps = append(to.Gaps, from.Gaps...)
	for _, kind := range from.Seen {
		if !to.Has(kind) {
			to.Seen = append(to.Seen, kind)
		}
	}
}
