package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/kustomize"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/convert"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// strategyFlags are those for clusters that cannot run native sidecars.
type strategyFlags struct {
	strategy choice
	image    string
	commands []string
	waits    []string
	several  []string
	version  string
	minor    int
}

// injectedSidecars are the names that sidecar-run knows: docs/sidecar-run.md.
var injectedSidecars = []string{"istio", "linkerd", "cloud-sql-proxy", "alloydb", "dapr", "vault", "envoy", "consul"}

func (f *strategyFlags) add(cmd *cobra.Command) {
	f.strategy = choice{valid: convert.Strategies}
	addChoice(cmd, &f.strategy, "strategy", "", "What to make of sidecars; the last two are for clusters that are not ready: kubectl sidecar explain not-ready")
	own := cmd.Flags()
	own.StringVar(&f.image, "run-image", convert.PlaceholderImage, "The `image` with sidecar-run, for universal and wrapper; the default stands for yours")
	own.StringArrayVar(&f.commands, "command", nil, "`CONTAINER=COMMAND`: the command of the container's image, where sidecar-run has to stand before it: words, or a JSON list; repeatable")
	own.StringArrayVar(&f.waits, "wait", nil, "`CONTAINER=ADDRESS`: what answers when the sidecar can be used, such as tcp://127.0.0.1:5432; repeatable")
	own.StringArrayVar(&f.several, "injected", nil, "With --strategy wrapper: wait for this `sidecar` that a webhook puts into the pods, and end it: "+prose.List(injectedSidecars, "or")+"; repeatable")
	own.StringVar(&f.version, "kubernetes-version", "", "The `version` that the manifests are meant for, such as 1.28: where that cannot run native sidecars, nothing becomes one, and what else can be done is said")
	complete(cmd, "injected", injectedSidecars)
}

// check reads what was typed. What kustomize builds has no text of its own that could be changed.
func (f *strategyFlags) check(cmd *cobra.Command, built bool) error {
	var err error
	if built && f.value() != convert.Native {
		return usage("-o kustomize prints what to put on top", "-k with --strategy %s: only a patch can be made", f.value())
	}
	if f.minor, err = minorOf(f.version, 0); err != nil {
		return err
	}
	native := f.strategy.value == string(convert.Native)
	for _, flag := range []string{"run-image", "command", "wait", "injected"} {
		if native && cmd.Flags().Changed(flag) {
			return usage("add --strategy universal or --strategy wrapper", "--%s has no effect on native sidecars", flag)
		}
	}
	for _, name := range f.several {
		if !slices.Contains(injectedSidecars, name) {
			return usage(didYouMean(name, injectedSidecars), "--injected: sidecar-run does not know %q", name)
		}
	}
	if len(f.several) > 0 && f.strategy.value != string(convert.Wrapper) {
		return usage("add --strategy wrapper", "--injected: what a webhook puts into pods is in them once")
	}
	if _, err := f.commandsOf(); err != nil {
		return err
	}
	_, err = f.waitsOf()
	return err
}

// commandsOf are the commands that were typed, by container.
func (f *strategyFlags) commandsOf() (map[string][]string, error) {
	out := map[string][]string{}
	for _, text := range f.commands {
		name, command, found := strings.Cut(text, "=")
		words := strings.Fields(command)
		switch {
		case strings.HasPrefix(strings.TrimSpace(command), "["):
			words = nil
			if err := json.Unmarshal([]byte(command), &words); err != nil {
				return nil, usage(`for example --command 'web=["/app", "serve"]'`, "--command: %q is not a JSON list of words", command)
			}
		case strings.ContainsAny(command, "\"'\\`"):
			return nil, usage(`write it as a JSON list: --command 'web=["sh", "-c", "..."]'`, "--command: quotes are not understood in %q", command)
		}
		if !found || name == "" || len(words) == 0 {
			return nil, usage(`for example --command web=/app, or --command 'web=["/app", "serve"]'`, "--command: %q does not say which command, of which container", text)
		}
		out[name] = words
	}
	return out, nil
}

// waitsOf are the addresses that were typed, by container.
func (f *strategyFlags) waitsOf() (map[string]string, error) {
	out := map[string]string{}
	for _, text := range f.waits {
		name, address, _ := strings.Cut(text, "=")
		known := slices.ContainsFunc([]string{"http://", "tcp://", "unix://", "file:", "exec:"}, func(p string) bool { return strings.HasPrefix(address, p) })
		if name == "" || !known {
			return nil, usage("for example --wait db-proxy=tcp://127.0.0.1:5432; also http://, unix://, file: and exec:", "--wait: %q does not say what to wait for, of which container", text)
		}
		out[name] = address
	}
	return out, nil
}

// options are those of the plan. What is wrong with them was said by check.
func (f *strategyFlags) options(o convert.Options) convert.Options {
	o.Strategy, o.RunImage, o.Injected, o.Minor = f.value(), f.image, f.several, f.minor
	o.Commands, _ = f.commandsOf()
	o.Waits, _ = f.waitsOf()
	return o
}

func (f *strategyFlags) value() convert.Strategy { return convert.Strategy(f.strategy.value) }

// named are the containers that flags are about.
func (f *strategyFlags) named() []string {
	commands, _ := f.commandsOf()
	waits, _ := f.waitsOf()
	return slices.Sorted(maps.Keys(mergedKeys(commands, waits)))
}

func mergedKeys(commands map[string][]string, waits map[string]string) map[string]bool {
	out := map[string]bool{}
	for name := range commands {
		out[name] = true
	}
	for name := range waits {
		out[name] = true
	}
	return out
}

// again is the command line as it was typed, with another strategy.
func (o *convertOptions) again(strategy convert.Strategy) string {
	words := []string{"kubectl", "sidecar", "convert"}
	for _, n := range o.names {
		words = append(words, n.String())
	}
	if len(o.names) > 0 {
		words = append(words, o.cluster.where()...)
	}
	for _, f := range o.files {
		words = append(words, "-f", f)
	}
	if o.kustomize != "" {
		words = append(words, "-k", o.kustomize, "-o", "kustomize")
	}
	if o.recursive {
		words = append(words, "-R")
	}
	for _, c := range o.containers {
		words = append(words, "-c", c)
	}
	if o.workarounds {
		words = append(words, "--remove-workarounds")
	}
	words = append(words, "--strategy", string(strategy))
	for i, w := range words {
		words[i] = prose.Word(w)
	}
	return strings.Join(words, " ")
}

// offer says what else can be done where native sidecars do not run.
func (o *convertOptions) offer(out *bytes.Buffer) {
	fmt.Fprintf(out, "  until they run, sidecar-run can order start and end; kubectl sidecar explain not-ready says which fits:\n")
	fmt.Fprintf(out, "    main container waits and ends it:  %s\n", o.again(convert.Wrapper))
	fmt.Fprintf(out, "    native where that works:           %s\n", o.again(convert.Universal))
}

// sayStrategy says what of a plan is about strategies.
func (o *convertOptions) sayStrategy(out *bytes.Buffer, d done) {
	place := at(d.Workload.Place)
	o.sayReadiness(out, d)
	for _, n := range d.Needs {
		what, ask := "its image's own command runs", ".Config.Entrypoint}} {{json .Config.Cmd"
		if n.HasArgs {
			what, ask = "the entry point of its image runs", ".Config.Entrypoint"
		}
		fmt.Fprintf(out, "%s%s: sidecar-run has to stand before the command of %s, and the manifest has none: %s\n", at(n.Place), d.Workload, n.Container, what)
		fmt.Fprintf(out, "  see it:   crane config %s, or docker inspect --format '{{json %s}}' %s\n", prose.Word(n.Image), ask, prose.Word(n.Image))
		fmt.Fprintf(out, "  give it:  --command %s\n", prose.Word(n.Container+`=["...", "..."]`))
	}
	for _, u := range d.Unanswered {
		fmt.Fprintf(out, "%s%s: nothing says when %s can be used: --wait %s=tcp://127.0.0.1:PORT, or http://, unix://, file: and exec:\n", at(u.Place), d.Workload, u.Container, u.Container)
	}
	if d.Undone != nil && len(d.Moves) == 0 {
		fmt.Fprintf(out, "%s%s: what the other strategy has written is taken back\n", place, d.Workload)
	}
}

// moveText is what becomes of a container.
func moveText(d done, m convert.Move) string {
	because := why(m.Named, m.Signals)
	if m.Remembered {
		because = "another strategy was for it"
	}
	becomes, waits := "becomes", "waits for"
	if !d.changed() {
		becomes, waits = "would become", "would wait for"
	}
	switch d.Strategy {
	case convert.Universal:
		return fmt.Sprintf("%s %s universal: in the pod as a native sidecar and in the old way, and one of the two works: %s", m.Container, becomes, because)
	case convert.Wrapper:
		return fmt.Sprintf("sidecar-run %s %s in front of the work: %s", waits, m.Container, because)
	}
	return fmt.Sprintf("%s %s a native sidecar: %s", m.Container, becomes, because)
}

// strategyRemark is a remark about sidecar-run.
func strategyRemark(r convert.Remark) string {
	switch r.Kind {
	case convert.Twice:
		counts := ""
		if r.About != "" {
			counts = ": " + r.About + " more"
		}
		return r.Container + " is in the pod twice, so its requests count twice" + counts
	case convert.NoWait:
		return "nothing says when " + r.Container + " can be used, so nobody waits for it: --wait " + r.Container + "=tcp://127.0.0.1:PORT"
	case convert.EndsAsNow:
		return "what ends " + r.Container + " now stays, so sidecar-run does not: --remove-workarounds has it do so"
	case convert.KubeletDecides:
		return "a kubelet of 1.28 to 1.32 whose gate is off rejects the pod where the API server keeps the field: kubectl sidecar doctor tells; there, --strategy wrapper"
	case convert.Placeholder:
		return r.About + " stands for your image with sidecar-run: --run-image"
	}
	return ""
}

// strategyRefused is why a strategy cannot be followed.
func strategyRefused(r convert.Refused) string {
	switch r.Reason {
	case convert.OnlyNative:
		return "it is an init container, which only a native sidecar can be: --strategy native"
	case convert.AlreadyNative:
		return "it is native: move it back to containers first, without restartPolicy"
	case convert.AlreadyWrapped:
		return "sidecar-run stands before the command of " + r.About + " already, and no annotation says why: --remove-workarounds takes it out"
	case convert.NameTaken:
		return "the name " + r.About + " is in use, and sidecar-run needs it"
	case convert.ExecInSleeper:
		return "its " + r.About + " runs a command in it, and would do so where it only sleeps, too: have it ask a port, or use --strategy wrapper"
	case convert.SeveralMains:
		return "which of " + r.About + " ends the work is not known: sidecar-run ends the sidecar when one container has exited"
	case convert.NotUndone:
		return "strategy " + r.About + " was written into it, and changed since: take it out by hand"
	}
	return string(r.Reason)
}

var errTakenBack = errors.New("another strategy is to be taken back, which only a patch can do here: -o kustomize or -o patch")

// mentioned are the patches of kustomizations that name a container which sidecar-run is to stand before.
func (c *conversion) mentioned(f *manifest, p *convert.Plan) error {
	around, err := c.finder.Around(f.name)
	if err != nil {
		return err
	}
	m := &kustomize.Moved{Kind: p.Workload.Kind, Name: p.Workload.Name, Way: p.Workload.Way,
		Containers: namesOf(p.Workload.Spec().Containers), Before: kustomize.SpecOf(p.Workload.Object, p.Workload.Way)}
	m.After = m.Before
	for _, k := range around {
		if mentions := k.AllMentions(m); len(mentions) > 0 {
			return fmt.Errorf("%s patches %s, maybe its command: convert what is built: -k %s -o kustomize", shortName(mentions[0].File), mentions[0].Field, prose.Word(shortName(filepath.Dir(k.File))))
		}
	}
	return nil
}
