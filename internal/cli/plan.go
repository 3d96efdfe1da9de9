package cli

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

// planOptions is what was typed.
type planOptions struct {
	streams       genericiooptions.IOStreams
	cluster       *clusterFlags
	files         []string
	recursive     bool
	allNamespaces bool
	namespaced    bool
	format        choice
	names         []collect.Name
	namespace     string
	selector      string
	fleet         fleetFlags
}

func newPlan(name string, streams genericiooptions.IOStreams) *cobra.Command {
	o := &planOptions{streams: streams, format: choice{valid: print.PlanFormats}}
	cmd := &cobra.Command{
		Use:   "plan [TYPE/NAME ...]",
		Short: "List the workloads that can have native sidecars, in the order to move them",
		Long: `List the workloads with a sidecar that is not native yet: why it counts as one, what
the workload gains, whether it can move (nodes it may land on, webhooks, schemas), who
has the manifest, and how a change gets to the pods. CronJobs come first, what cannot
move yet comes last, with what has to be done first. With names, the whole story of each.

Workloads are read, pods are not; nothing is changed.

Exit code: 0 nothing left to move; 3 there is something; 4 nothing found, but not all
was seen; 1 could not run; 2 wrong command line; 130 interrupted.`,
		Example: examples(name,
			"the workloads of the namespace", "plan",
			"those of the cluster, with nodes, webhooks and what else changes", "plan -A -o wide",
			"the whole story of one", "plan cronjob/nightly -n shop",
			"of every cluster of the kubeconfig", "plan -A --contexts all",
			"as data", "plan -A -o json"),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	own := cmd.Flags()
	addFiles(cmd, &o.files, &o.recursive)
	own.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "The workloads of the whole cluster")
	addChoice(cmd, &o.format, "output", "o", "Output format")
	o.cluster = newClusterFlags(cmd)
	o.fleet.add(cmd, o.cluster)
	cmd.ValidArgsFunction = o.complete
	own.Lookup("selector").Usage = "Only workloads whose `labels` match, such as app=web"
	own.Lookup("namespace").Usage = "The workloads of this `namespace`"
	return cmd
}

func (o *planOptions) run(cmd *cobra.Command, args []string) error {
	if err := o.check(cmd, args); err != nil {
		return err
	}
	if o.fleet.on(cmd) {
		return o.runFleet(cmd.Context())
	}
	ctx := cmd.Context()
	p, err := o.plan(ctx)
	if err != nil {
		return err
	}
	if len(o.names) > 0 && len(p.Rows) == 0 && p.Looked == 0 && p.Complete {
		return couldNotRun("see what there is: kubectl get all -n "+o.namespace, fmt.Errorf("%s was not found", o.names[0]))
	}
	var out bytes.Buffer
	if err := print.Plan(&out, p, o.format.value, len(o.names) > 0); err != nil {
		return err
	}
	if err := writeTo(o.streams.Out, out.Bytes()); err != nil {
		return err
	}
	return exitWith(ctx, p.ExitCode())
}

// check refuses combinations that contradict each other.
func (o *planOptions) check(cmd *cobra.Command, args []string) error {
	var err error
	if o.names, err = collect.ParseNames(args); err != nil {
		return usage("for example deploy/web", "%w", err)
	}
	o.namespaced, o.selector = cmd.Flags().Changed("namespace"), o.cluster.selector
	if err := o.contradictions(); err != nil {
		return err
	}
	if err := o.checkFleet(cmd); err != nil {
		return err
	}
	if len(o.files) > 0 {
		if _, err := labels.Parse(o.selector); err != nil {
			return usage("for example -l app=web", "--selector: %w", err)
		}
		o.namespace = *o.cluster.kube.Namespace
		return o.cluster.checkTimeout()
	}
	if err := o.cluster.check(); err != nil {
		return err
	}
	if o.allNamespaces || o.fleet.on(cmd) {
		return nil
	}
	if o.namespace, _, err = o.cluster.kube.ToRawKubeConfigLoader().Namespace(); err != nil {
		return couldNotRun("see what is used: kubectl config view --minify", fmt.Errorf("reading the kubeconfig: %w", err))
	}
	return nil
}

// plannedKinds are the built-in ones that plan looks at.
var plannedKinds = []string{"CronJob", "Job", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "PodTemplate"}

// contradictions refuses what excludes each other, and what plan does not read.
func (o *planOptions) contradictions() error {
	for _, n := range o.names {
		if collect.IsType(n.Resource) && !slices.Contains(plannedKinds, n.Kind()) {
			return usage("for example deploy/web", "%s is not a workload that plan looks at: pods are not read", n)
		}
	}
	switch {
	case len(o.names) > 0 && o.cluster.selector != "":
		return usage("leave one of the two out", "names and --selector exclude each other")
	case len(o.names) > 0 && o.allNamespaces:
		return usage("name the namespace: -n NAMESPACE", "names need a namespace: --all-namespaces takes no names")
	case o.allNamespaces && o.namespaced:
		return usage("leave one of the two out", "--namespace and --all-namespaces exclude each other")
	}
	return nil
}

func (o *planOptions) plan(ctx context.Context) (*plan.Plan, error) {
	if len(o.files) > 0 {
		ctx, cancel := context.WithTimeout(ctx, o.cluster.timeout)
		defer cancel()
		s, err := readFiles(ctx, o.streams.In, o.files, o.recursive)
		if err != nil {
			return nil, err
		}
		var kinds []string
		for _, n := range o.names {
			kinds = append(kinds, n.Kind())
		}
		return within(ctx, "judging what was read", func() (*plan.Plan, error) {
			return plan.OfSnapshot(s, buildVersion().Version, kinds, o.wants), nil
		})
	}
	return o.ofCluster(ctx)
}

// wants reports whether a workload is asked for.
func (o *planOptions) wants(kind string, meta *metav1.ObjectMeta) bool {
	if o.namespace != "" && meta.Namespace != o.namespace {
		return false
	}
	if selector, err := labels.Parse(o.selector); err != nil || !selector.Matches(labels.Set(meta.Labels)) {
		return false
	}
	return len(o.names) == 0 || slices.ContainsFunc(o.names, func(n collect.Name) bool { return n.Kind() == kind && n.Name == meta.Name })
}
