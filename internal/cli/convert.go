package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/convert"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// exitUnproven is when something was not converted because it could not be proven, or has to be asked first.
const exitUnproven = report.ExitUnknown

// convertOptions is what was typed.
type convertOptions struct {
	streams     genericiooptions.IOStreams
	cluster     *clusterFlags
	files       []string
	kustomize   string
	recursive   bool
	containers  []string
	write, diff bool
	output      choice
	workarounds bool
	verify      bool
	strategy    strategyFlags
	names       []collect.Name
}

func newConvert(name string, streams genericiooptions.IOStreams) *cobra.Command {
	o := &convertOptions{streams: streams, output: choice{valid: []string{"diff", "patch", "kustomize", "yaml"}}}
	cmd := &cobra.Command{
		Use:   "convert (-f FILE | -k DIR | TYPE/NAME ...)",
		Short: "Make native sidecars of ordinary containers, in manifests",
		Long: `Move containers that are sidecars from containers to initContainers, with
restartPolicy: Always, and change nothing else: in the usual case two lines are
added. Comments, anchors, line ends and indentation stay byte for byte.

Only what at least two trusted signals call a sidecar is moved, or what -c names.
A container that may be one is named, and left alone. A startupProbe is added only
where the kubelet can reach it. Patches of kustomizations that name the container
by its old place are changed with it. -k judges what a kustomization renders, and
changes the files and patches that it is made of.

The result is proven before it is shown or written: parsed again, it equals the
same change made on the values, no other line is lost, and a second run changes
nothing. What cannot be proven is not written; a JSON patch is printed instead.

Without --write nothing is written: the default prints a diff, -o a JSON patch with
test operations, a kustomize component, or the whole file. Of an object in the
cluster the patch is printed, and who owns the object: nothing is ever applied.
There is no patch where the API server or a node that the pods may land on does
not run native sidecars; what else can be done is said instead.

Exit code: 0 nothing to do, or done; 3 a diff was printed: there is something to
convert; 4 something could not be proven, or has to be asked first; 1 could not
run; 2 wrong command line.`,
		Example: examples(name,
			"what would change?", "convert -f deploy/",
			"change it", "convert -f deploy/ --write",
			"what an overlay renders, in its base and patches", "convert -k overlays/prod --write",
			"this container, whatever the signals say", "convert -f cronjob.yaml -c proxy --write",
			"without the wrapper that ended the sidecar", "convert -f job.yaml --remove-workarounds",
			"what Helm renders", "convert -f <(helm template shop) -o kustomize",
			"the patch for an object in the cluster", "convert deploy/web -c proxy"),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	own := cmd.Flags()
	own.StringArrayVarP(&o.files, "filename", "f", nil, "Manifest, folder or pattern to convert; - is stdin; repeatable")
	own.StringVarP(&o.kustomize, "kustomize", "k", "", "Convert what kustomize builds from this `folder`, in the files that it is made of")
	own.BoolVarP(&o.recursive, "recursive", "R", false, "Convert what is in folders of folders, too")
	own.StringArrayVarP(&o.containers, "container", "c", nil, "Convert the `CONTAINER` of this name, and no other; KIND/NAME/CONTAINER is that of one workload; repeatable")
	own.BoolVar(&o.write, "write", false, "Change the files in place: each is written as a whole, or not at all")
	own.BoolVar(&o.diff, "diff", false, "Print a diff, which is the default")
	own.BoolVar(&o.workarounds, "remove-workarounds", false, "Take out what ended or waited for the sidecar, where all of it is understood")
	o.strategy.add(cmd)
	own.BoolVar(&o.verify, "verify", false, "Have the API server admit the result with dryRun=All, through all webhooks")
	addChoice(cmd, &o.output, "output", "o", "What to print")
	o.cluster = newWhyClusterFlags(cmd)
	offer(cmd, "container", func(ctx context.Context, typed string) []string {
		c := &conversion{o: o}
		if slices.Contains(o.files, "-") || c.read(ctx) != nil {
			return nil
		}
		return thatBegin(typed, c.containers())
	})
	cmd.ValidArgsFunction = (&whyOptions{cluster: o.cluster}).complete
	return cmd
}

func (o *convertOptions) run(cmd *cobra.Command, args []string) error {
	var err error
	if o.names, err = collect.ParseNames(args); err != nil {
		return usage("for example deploy/web, or -f FILE", "%w", err)
	}
	if err := o.check(cmd); err != nil {
		return err
	}
	if len(o.names) > 0 {
		return o.live(cmd.Context())
	}
	return o.convertFiles(cmd.Context())
}

// check refuses combinations that contradict each other.
func (o *convertOptions) check(cmd *cobra.Command) error {
	printed := cmd.Flags().Changed("output")
	switch {
	case len(o.files) == 0 && len(o.names) == 0 && o.kustomize == "":
		return usage("convert -f FILE, convert -k DIR, or convert deploy/web", "what is to be converted?")
	case o.kustomize != "" && len(o.files)+len(o.names) > 0:
		return usage("leave one of the two out", "--kustomize excludes names and --filename")
	case len(o.files) > 0 && len(o.names) > 0:
		return usage("leave one of the two out", "names and --filename exclude each other")
	case len(o.files) == 0 && o.recursive:
		return usage("it is for -f", "--recursive has no effect without --filename")
	}
	for _, err := range []error{o.checkWrite(printed), o.strategy.check(cmd, o.kustomize != "" && !o.printsPatch()), o.cluster.check()} {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkWrite refuses to write where nothing can be written, or something else is to be printed.
func (o *convertOptions) checkWrite(printed bool) error {
	switch {
	case o.diff && printed && o.output.value != "diff":
		return usage("leave one of the two out", "--diff and -o %s exclude each other", o.output.value)
	case o.write && (o.diff || printed):
		return usage("look first, then run it again with --write", "--write and what prints exclude each other")
	case o.write && slices.Contains(o.files, "-"):
		return usage("-o yaml prints the result", "--write: stdin cannot be written")
	case o.write && len(o.names) > 0:
		return usage("the patch is printed: apply it yourself, or better, change the manifest", "--write: objects in a cluster are never changed")
	}
	return nil
}

func (o *convertOptions) plan() convert.Options {
	return o.strategy.options(convert.Options{Containers: o.containers, RemoveWorkarounds: o.workarounds})
}

// conclude is the exit code: what could not be done weighs more than what could.
func (o *convertOptions) conclude(changed, asked, refused bool) error {
	switch {
	case refused, asked && !changed, asked && o.write:
		return exit(exitUnproven)
	case changed && o.output.value == "diff" && !o.write:
		return exit(report.ExitFindings)
	}
	return nil
}

// unknownContainers are names of -c that no workload has.
func (c *conversion) unknownContainers() error {
	have := c.containers()
	for _, name := range slices.Concat(c.o.containers, c.o.strategy.named()) {
		if !c.has(name) {
			hint := "there are: " + strings.Join(have, ", ")
			if len(have) == 0 {
				hint = "there is no workload in it"
			} else if best := nearest(name, have); best != "" {
				hint = "did you mean " + best + "?"
			}
			return couldNotRun(hint, fmt.Errorf("no workload has a container %q", name))
		}
	}
	return nil
}
