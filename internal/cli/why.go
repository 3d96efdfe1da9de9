package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// whyOptions is what was typed.
type whyOptions struct {
	streams       genericiooptions.IOStreams
	cluster       *clusterFlags
	names         []collect.Name
	files         []string
	recursive     bool
	takenAt       string
	now           func() time.Time
	selector      string
	allNamespaces bool
	logs          bool
	logsAsked     bool // --logs was given
	watch         bool
	namespaced    bool // --namespace was given
	output        outputs
	color         choice
	fleet         fleetFlags
}

func newWhy(name string, streams genericiooptions.IOStreams) *cobra.Command {
	o := &whyOptions{
		streams: streams,
		now:     time.Now,
		output:  outputs{formats: print.WhyFormats},
		color:   choice{valid: []string{colorAuto, colorAlways, colorNever}},
	}
	cmd := &cobra.Command{
		Use:   "why [POD | TYPE/NAME ...]",
		Short: "Say why a pod does not start, complete, become ready or terminate",
		Long: `Say in one sentence why a pod does not get past its init phase, why a Job does
not complete, why a pod does not become ready or does not terminate, and prove it.

Ask about pods or about what makes them: deploy/web, job/import, several at once;
about a node, a namespace, a Service, a claim, a ConfigMap, a Secret, an autoscaler:
then the pods on it, in it, behind it or with it are looked at; or about a custom
resource: the pods that it owns. If there are none, nothing is known to be well,
unless none are wanted: it is suspended, paused, completed or scaled to 0.
Without names, every suspicious pod of the namespace is checked, with -A of the
cluster: the API server is asked for pods that have not succeeded and for warning
events, both in pages, and for deployments; pods that are running and ready, have
not restarted, were not unready lately and are not being deleted are left out.

One pod costs at most five requests, and two for each log; Services are read, too,
when it is ready and a sidecar has a named port. All of them are GET. Where a field
was stripped from a pod on its way into the cluster, why finds out who did it as
doctor does: with dry runs, which store nothing.

Nothing is wrong is said only where every pod is known to be well. A pod that waits
for what may still come, such as its startup probe within its budget, is in
progress: the answer says what it waits for, since when, and for how long it may.

With --watch it stays and prints what changes, each with its time: image pulled,
failure 3 of 30 of a startup probe, now crash looping. It ends when every pod is
well (0), the cause is certain (3) or the time is up (4 where it still waits). It
watches pods and events, asks for nothing in between, and reads again what comes or
goes. On a terminal the picture stays below. -o json prints one document per line
and change.

Exit code: 0 nothing is wrong; 3 a root cause was found; 4 something is wrong, or
may be, but the cause is not known; 1 could not run; 2 wrong command line;
130 interrupted. Pods in progress are 4 when you name them, and 0 otherwise, unless
they have waited for five minutes. It is the same for every output format.`,
		Example: examples(name,
			"a pod", "why web-7d4b9c6f5-x2k8p",
			"the pods of a deployment and of a job", "why deploy/web job/import -n shop",
			"stay until it is well, or certain why not", "why job/import --watch",
			"every suspicious pod of the cluster", "why -A",
			"the same of every cluster whose context begins so", "why -A --contexts 'prod-*'",
			"the picture alone, to attach to a ticket", "why deploy/web -o svg=web.svg",
			"from what kubectl wrote, without a cluster", "why -A -f pods.yaml -f events.yaml",
			"from a support bundle or another dump, with the logs in it", "why -A -f support-bundle.tar.gz",
			"from what kubectl wrote at a time that you know", "why -A -f pods.yaml --taken-at 2026-03-01T12:00:00Z"),
		ValidArgsFunction: o.complete,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	own := cmd.Flags()
	addFiles(cmd, &o.files, &o.recursive)
	own.StringVar(&o.takenAt, "taken-at", "", "When the file was taken, as `TIME` in RFC 3339 or now; without it, the newest time in the file counts, and a young pipe is now")
	own.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "Check every suspicious pod of the cluster")
	own.StringVarP(&o.selector, "selector", "l", "", "Check the pods whose labels match, such as app=web")
	own.BoolVar(&o.logs, "logs", true, "Quote the last log lines of the container to blame; on by default when one pod is in trouble")
	addOutputs(cmd, &o.output)
	addChoice(cmd, &o.color, "color", "", "When to use color")
	o.addWatch(cmd)
	o.cluster = newWhyClusterFlags(cmd)
	o.cluster.addAskURLs(own)
	o.cluster.addControllers(own)
	o.fleet.add(cmd, o.cluster)
	return cmd
}

func (o *whyOptions) run(cmd *cobra.Command, args []string) error {
	var err error
	if o.names, err = collect.ParseNames(args); err != nil {
		return usage("for example web-7d4b9c6f5-x2k8p or deploy/web", "%w", err)
	}
	o.logsAsked, o.namespaced = cmd.Flags().Changed("logs"), cmd.Flags().Changed("namespace")
	if err := o.check(cmd); err != nil {
		return err
	}
	if o.fleet.on(cmd) {
		return o.runFleet(cmd.Context())
	}
	out, err := o.output.open(o.streams)
	if err != nil {
		return err
	}
	defer out.discard()
	ctx := cmd.Context()
	if o.watch {
		return o.watchPods(ctx, out)
	}
	a, err := o.answer(ctx)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		a.snapshot.Limits = append(a.snapshot.Limits, interruptedLimit)
	}
	r := report.Why(a.snapshot, a.judged, a.asked, buildVersion().Version)
	r.Named = slices.ContainsFunc(o.names, func(n collect.Name) bool { return n.Kind() != "Namespace" })
	if err := out.print(r, o.color.value); err != nil {
		return err
	}
	return exitWith(ctx, r.WhyExitCode())
}

// check refuses combinations that contradict each other.
func (o *whyOptions) check(cmd *cobra.Command) error {
	if err := o.output.check(); err != nil {
		return err
	}
	switch {
	case len(o.names) > 0 && o.selector != "":
		return usage("leave one of the two out", "names and --selector exclude each other")
	case len(o.names) > 0 && o.allNamespaces && len(o.files) == 0:
		return usage("name the namespace: -n NAMESPACE", "names need a namespace: --all-namespaces takes no names")
	case o.allNamespaces && o.namespaced:
		return usage("leave one of the two out", "--namespace and --all-namespaces exclude each other")
	}
	if err := o.checkFleet(cmd); err != nil {
		return err
	}
	if _, err := labels.Parse(o.selector); err != nil {
		return usage("for example -l app=web", "--selector: %w", err)
	}
	if err := o.checkWatch(cmd); err != nil {
		return err
	}
	if err := o.checkTakenAt(cmd.Flags().Changed("taken-at")); err != nil {
		return err
	}
	return o.checkSource()
}

// checkSource refuses flags that have no effect on what is read: a cluster or files.
func (o *whyOptions) checkSource() error {
	if len(o.files) == 0 {
		return o.cluster.check()
	}
	if err := o.cluster.checkTimeout(); err != nil {
		return err
	}
	if o.cluster.showRequests {
		return usage("with -f no cluster is asked: leave one of the two out", "--show-requests has no effect on a file")
	}
	return nil
}

// An answer is what was judged, what the user asked about, and the judgment.
type answer struct {
	snapshot *facts.Snapshot
	asked    []checks.Object
	judged   pods.Judgment
}

func (o *whyOptions) answer(ctx context.Context) (*answer, error) {
	if len(o.files) == 0 {
		return o.ask(ctx)
	}
	return o.answerFiles(ctx)
}

// answerFiles judges files, for no longer than --timeout: they may have any size.
func (o *whyOptions) answerFiles(ctx context.Context) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, o.cluster.timeout)
	defer cancel()
	snapshot, err := readFiles(ctx, o.streams.In, o.files, o.recursive)
	if err != nil {
		return nil, err
	}
	if missing := unseen(snapshot); missing != "" {
		snapshot.Limits = append(snapshot.Limits, missing)
	}
	snapshot, asked, none, err := o.narrow(snapshot)
	if err != nil {
		return nil, err
	}
	if err := o.clock(snapshot); err != nil {
		return nil, err
	}
	a, _ := judgeInTime(ctx, snapshot, asked, none)
	return a, nil
}

// unseen names what a file does not have: what only that would show is not found.
func unseen(s *facts.Snapshot) string {
	var kinds []string
	for _, kind := range collect.PodKinds() {
		if !s.Has(kind) && kind != facts.CustomWorkloads {
			kinds = append(kinds, string(kind))
		}
	}
	if slices.ContainsFunc(s.Pods, func(p corev1.Pod) bool { return facts.NeedsServices(&p) }) {
		for _, kind := range []facts.Kind{facts.Services, facts.EndpointSlices} {
			if !s.Has(kind) {
				kinds = append(kinds, string(kind))
			}
		}
	}
	if len(kinds) == 0 {
		return ""
	}
	return "the file has no " + strings.Join(kinds, ", ") + ": what only they show is not found"
}

// ask reads the cluster: first what is always needed, then what the first answer calls for.
func (o *whyOptions) ask(ctx context.Context) (*answer, error) {
	options, namespace, err := o.options()
	if err != nil {
		return nil, err
	}
	end := options.Until
	options.Until = readUntil(time.Now(), end)
	reader, err := collect.NewPodReader(options, collect.PodQuery{
		Namespace: namespace, Names: o.names, Selector: o.selector, AllNamespaces: o.allNamespaces,
	})
	if err != nil {
		return nil, err
	}
	progress := startProgress(o.streams.ErrOut)
	defer progress.stop()
	reader.Progress(progress.step)
	requests := reader.Ledger().Requests
	defer func() {
		progress.stop()
		if o.cluster.showRequests {
			printRequests(o.streams.ErrOut, requests())
		}
	}()
	snapshot, err := reader.Read(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, &failure{err: errors.New("interrupted before anything was read"), code: exitInterrupted}
	case err != nil:
		return nil, whyFailure(err)
	}
	bounded, cancel := untilEnd(ctx, end)
	defer cancel()
	asked, none := objects(reader.Asked()), reader.Podless()
	a, all := judgeInTime(bounded, snapshot, asked, none)
	if !all {
		return a, nil
	}
	more := o.readLogs(ctx, reader, a.judged)
	if sent := o.readAdmission(ctx, options, a.snapshot, a.judged.Diagnoses); sent != nil {
		more, requests = true, func() []collect.Request { return slices.Concat(reader.Ledger().Requests(), sent.Requests()) }
	}
	if more {
		a, _ = judgeInTime(bounded, a.snapshot, asked, none)
	}
	return a, nil
}

// whyFailure adds what to do when there is nothing to judge.
func whyFailure(err error) error {
	var unreachable *collect.UnreachableError
	if errors.As(err, &unreachable) {
		return err
	}
	see := "see what there is: kubectl get pods,deployments,jobs"
	var missing *collect.MissingError
	if errors.As(err, &missing) {
		see += " -n " + missing.Namespace
		if alike := alikeOf(missing); alike != "" {
			see = "did you mean " + alike + "? Else " + see
		}
	}
	return couldNotRun(see, err)
}

func objects(asked []collect.Asked) []checks.Object {
	out := make([]checks.Object, 0, len(asked))
	for _, a := range asked {
		out = append(out, checks.Object{Kind: a.Kind, Namespace: a.Namespace, Name: a.Name})
	}
	return out
}
