package cli

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	files "github.com/kubectl-sidecar/kubectl-sidecar/internal/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// lintOptions is what was typed.
type lintOptions struct {
	streams   genericiooptions.IOStreams
	files     []string
	args      []string // those of files that are arguments
	recursive bool
	kustomize string
	version   string
	ask       askCluster
	cluster   *clusterFlags

	output   outputs
	failOn   choice
	color    choice
	choose   selection
	except   exceptions
	baseline string // to write

	fleet fleetFlags

	list   []checks.Check // those to run, once checked
	charts []string       // what charts say about the version
}

func newLint(name string, streams genericiooptions.IOStreams) *cobra.Command {
	o := &lintOptions{
		streams: streams,
		output:  outputs{formats: print.Formats},
		failOn:  choice{valid: []string{"info", "warning", "error", failNever}, value: "error"},
		color:   choice{valid: []string{colorAuto, colorAlways, colorNever}},
		choose:  selection{of: manifests.All},
	}
	cmd := &cobra.Command{
		Use:   "lint [FILE...]",
		Short: "Check manifests for what goes wrong with sidecars",
		Long: `Check manifests, before anything runs, for what cannot work with sidecars: a server
that is a plain init container, a Job that a sidecar keeps from completing, a
startup probe that nobody can pass. Every finding has its file, line and column.

Files, folders, patterns, archives, stdin, and what kustomize builds are read, named with -f or
as arguments; without any, the workloads of the cluster. The source of a template is
named and skipped: lint what it renders. Containers in an object of a kind that is not
known to have a pod template are named, and the answer is unknown.

With files, a cluster is asked only with --cluster. Use --context to choose it: kubectl's
own --cluster NAME is written --cluster=NAME here.

Exit code: 0 nothing found at or above --fail-on; 3 something found; 4 nothing
found, but not all could be read; 1 could not run; 2 wrong command line; 130
interrupted. It is the same for every output format.`,
		Example: examples(name,
			"a folder with all that is below it", "lint -f deploy/ -R",
			"what Helm renders: helm template ./chart | ...", "lint -f -",
			"what kustomize builds, for an older version", "lint -k overlays/prod --kubernetes-version 1.31",
			"annotations on the lines of a pull request", "lint -f deploy/ -R -o text -o github",
			"with the versions, schemas and webhooks of the cluster", "lint -f deploy/ --cluster",
			"as each of several clusters would take them", "lint -f deploy/ --contexts all",
			"the workloads of a namespace, as they are", "lint -n shop"),
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.checkAsk(args); err != nil {
				return err
			}
			o.args, o.files = args, append(o.files, args...)
			return o.run(cmd)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&o.files, "filename", "f", nil, "Read this `file`, folder or pattern; - is stdin; repeatable")
	flags.BoolVarP(&o.recursive, "recursive", "R", false, "Read the folders in a folder, too")
	flags.StringVarP(&o.kustomize, "kustomize", "k", "", "Read what kustomize builds from this `folder`")
	o.addAsk(cmd)
	flags.StringVar(&o.version, "kubernetes-version", "", "The `version` that the manifests are meant for, such as 1.31; the oldest of the cluster with --cluster, else the lowest that a Chart.yaml there allows, else the newest that is known")
	addOutputs(cmd, &o.output)
	addChoice(cmd, &o.failOn, "fail-on", "", "Lowest severity that makes the exit code 3 or 4; never: only the report tells")
	addChoice(cmd, &o.color, "color", "", "When to use color")
	o.choose.addFlags(cmd)
	o.except.addFlags(cmd)
	flags.StringVar(&o.except.baseline, "baseline", "", "Count only findings that are not in this `file`, which --write-baseline wrote")
	o.cluster = newLintClusterFlags(cmd)
	o.fleet.add(cmd, o.cluster)
	flags.StringVar(&o.baseline, "write-baseline", "", "Write the findings to this `file`, for --baseline")
	return cmd
}

func (o *lintOptions) run(cmd *cobra.Command) error {
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
	r, err := o.report(cmd.Context())
	if err != nil {
		return err
	}
	if o.baseline != "" {
		return o.writeBaseline(r)
	}
	return deliver(cmd.Context(), out, r, o.failOn.value, o.color.value)
}

// check refuses what would promise more than is done.
func (o *lintOptions) check(cmd *cobra.Command) error {
	if err := o.output.check(); err != nil {
		return err
	}
	var err error
	if o.list, err = o.choose.checks(); err != nil {
		return err
	}
	if _, err := o.minor(); err != nil {
		return err
	}
	if n := slices.Index(o.files, "-"); n >= 0 && slices.Contains(o.files[n+1:], "-") {
		return usage("-f - once", "stdin can be read only once")
	}
	if err := o.checkFleet(cmd); err != nil {
		return err
	}
	if err := o.checkCluster(cmd); err != nil {
		return err
	}
	if !o.ask.ask {
		if err := o.withoutCanaries(); err != nil {
			return err
		}
	}
	if o.recursive && len(o.files) == 0 {
		return usage("name a folder: -f DIR -R", "--recursive has no effect without -f")
	}
	return o.except.load(cmd.Context())
}

// minor is the version that was typed, or that of charts, or the newest.
func (o *lintOptions) minor() (int, error) {
	return minorOf(o.version, o.ofCharts())
}

// minorOf is the version that was typed, or another one where none was.
func minorOf(version string, otherwise int) (int, error) {
	if version == "" {
		return otherwise, nil
	}
	text := strings.TrimPrefix(version, "v")
	if major, minor, two := strings.Cut(text, "."); two && !strings.Contains(minor, ".") && major == "1" {
		if n, err := strconv.Atoi(minor); err == nil && n > 0 {
			return n, nil
		}
	} else if n, ok := gate.MinorOf("v" + text); ok {
		return n, nil
	}
	return 0, usage("for example --kubernetes-version 1.31", "--kubernetes-version: %q is not a Kubernetes version", version)
}

func (o *lintOptions) report(ctx context.Context) (*report.Report, error) {
	in, err := o.input(ctx)
	if err != nil {
		return nil, err
	}
	results := manifests.Judge(in, o.skips)
	seen := report.Manifests{KubernetesVersion: gate.Release(in.Minor), Files: in.Judged(), Workloads: len(in.Workloads())}
	for _, s := range in.Skipped() {
		seen.Skipped = append(seen.Skipped, report.SkippedManifest{Place: s.Place, Reason: s.Reason})
	}
	s := in.Snapshot()
	s.Limits = o.lintLimits()
	r := report.Lint(s, results, seen, buildVersion().Version)
	return o.except.applied(r, report.ManifestAnnotations(in)), nil
}

// skips reports whether a check was not chosen.
func (o *lintOptions) skips(id string) bool {
	return !slices.ContainsFunc(o.list, func(c checks.Check) bool { return c.ID == id })
}

// input reads what is to be judged.
func (o *lintOptions) input(ctx context.Context) (manifests.Input, error) {
	minor, err := o.minor()
	if err != nil {
		return manifests.Input{}, err
	}
	in := manifests.Input{Minor: minor, Named: o.version != ""}
	if in.Files, err = within(ctx, "reading the manifests", func() ([]manifests.File, error) { return o.read(ctx, o.settle(in)) }); err != nil || !o.asksCluster() {
		return in, err
	}
	return in, o.addCluster(ctx, &in)
}

// heapForManifests is what other programs take to read manifests; nearly all of it is garbage.
const heapForManifests = 22 << 20

// settle judges files as they are read; nil where something else decides, too.
func (o *lintOptions) settle(in manifests.Input) func(*manifests.File) {
	if o.asksCluster() || o.kustomize != "" {
		return nil
	}
	allowHeap(heapForManifests)
	return in.Settler(o.skips)
}

func (o *lintOptions) read(ctx context.Context, settle func(*manifests.File)) ([]manifests.File, error) {
	out, err := files.Read(files.Options{Names: o.files, Recursive: o.recursive, Stdin: o.streams.In, Context: ctx, Settle: settle})
	var bad *files.NameError
	if errors.As(err, &bad) {
		if errors.Is(err, fs.ErrNotExist) && o.looksLikeCluster(bad.Name) {
			return nil, usage("choose a cluster with --context NAME, or with --cluster="+bad.Name, "%w: --cluster takes a name only after \"=\"", err)
		}
		return nil, couldNotRun(nameHint(bad), err)
	}
	if err != nil || o.kustomize == "" {
		return out, err
	}
	built, err := files.Build(o.kustomize)
	if err != nil {
		return nil, couldNotRun("see what is wrong with: kubectl kustomize "+o.kustomize, err)
	}
	return append(out, built...), nil
}

func nameHint(bad *files.NameError) string {
	if errors.Is(bad, files.ErrURL) {
		return "download it first, or pipe it: curl -sSL URL | ..., with -f -"
	}
	if errors.Is(bad, files.ErrNothing) {
		return "-R reads the folders in a folder, too"
	}
	if errors.Is(bad, files.ErrPacked) {
		return "unpack it first, and name the folder: -f DIR -R"
	}
	return "name a file, a folder or a pattern: -f deploy/, -f 'deploy/*.yaml'"
}

// writeBaseline writes what is wrong now.
func (o *lintOptions) writeBaseline(r *report.Report) error {
	target, err := newTarget(o.baseline, o.streams)
	if err != nil {
		return err
	}
	defer target.discard()
	return writeBaselineOf("lint", r, target, o.streams.ErrOut)
}
