package convert

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A Strategy is how a sidecar starts before the work, and ends after it.
type Strategy string

// Strategies. The last two are for clusters that cannot run native sidecars, with sidecar-run before commands.
const (
	Native Strategy = "native"
	// Universal has the sidecar in the pod twice, as a native one and in the old way; one of the two works.
	Universal Strategy = "universal"
	// Wrapper has the main container wait for the sidecar, and end it.
	Wrapper Strategy = "wrapper"
)

// Strategies are all of them.
var Strategies = []string{string(Native), string(Universal), string(Wrapper)}

// NativeSince is the first minor version of Kubernetes that runs native sidecars without anybody switching them on.
const NativeSince = 29

// Where sidecar-run is in a pod. The names are those that docs/sidecar-run.md uses. A volume cannot be mounted at /sidecar-run:
// in its own image that is the program.
const (
	runVolume  = "sidecar-run"
	runDir     = "/opt/sidecar-run"
	runProgram = runDir + "/sidecar-run"
	endedFile  = "file:" + runDir + "/main-ended"
	twinSuffix = "-native"
)

// PlaceholderImage stands for the image with sidecar-run until somebody names theirs. It cannot be pulled.
const PlaceholderImage = "registry.example/kubectl-sidecar"

// A Need is a container whose command is that of its image, and has to be given: sidecar-run stands before it.
type Need struct {
	Container, Image string
	Place            workload.Place
	// HasArgs is set where the manifest has the arguments, so only the entry point is missing.
	HasArgs bool
}

// strategyOf is what convert has made of a workload before; empty for none.
func strategyOf(w *workload.Workload) Strategy {
	return Strategy(w.Template.Annotations[facts.StrategyAnnotation])
}

// undo is the change that takes sidecar-run, with all that convert has written for it, out of a template.
func undo(w *workload.Workload) (edit.Change, bool) {
	r := roles.RunOf(w)
	if r == nil || r.Strategy == "" {
		return edit.Change{}, false
	}
	c := edit.Change{Document: w.Place.Document, Way: templateWay(w)}
	for _, e := range r.Edits(w) {
		c.Drops = append(c.Drops, edit.Drop{Path: append([]string{"spec"}, e.Path...)})
	}
	for _, key := range []string{facts.StrategyAnnotation, facts.SidecarsAnnotation, facts.ImageCommandsAnnotation} {
		if _, there := w.Template.Annotations[key]; there {
			c.Drops = append(c.Drops, edit.Drop{Path: []string{"metadata", "annotations", key}})
		}
	}
	return c, !r.Unclear
}

// templateWay leads from the root of the document to the pod template, or to the pod.
func templateWay(w *workload.Workload) []string {
	way := slices.Concat(w.Root, w.Way)
	return way[:len(way)-1]
}

// undone is the workload as it was; nil where that cannot be told.
func undone(w *workload.Workload, c edit.Change) *workload.Workload {
	c.Way = c.Way[len(w.Root):]
	object, err := edit.Values(w.Object, c)
	if err != nil {
		return nil
	}
	list, err := workload.Of(object)
	if err != nil {
		return nil
	}
	for _, o := range list {
		if slices.Equal(o.Way, w.Way) {
			o.Place, o.Root = w.Place, w.Root
			return o
		}
	}
	return nil
}

// restartPolicy is that of the pods.
func restartPolicy(w *workload.Workload) corev1.RestartPolicy {
	if p := w.Spec().RestartPolicy; p != "" {
		return p
	}
	return corev1.RestartPolicyAlways
}

// ends reports whether the pods are to come to an end.
func ends(w *workload.Workload) bool { return restartPolicy(w) != corev1.RestartPolicyAlways }

// A wrapping is a strategy with sidecar-run on its way into one workload.
type wrapping struct {
	*Plan
	j *roles.Judgment
	o Options
	// spec is the pod spec without the workarounds that go.
	spec map[string]any
	adds []edit.Add
	// ofImage are containers whose command was that of their image.
	ofImage []string
}

// wrap puts sidecar-run before the commands.
func (p *Plan) wrap(j *roles.Judgment, o Options) {
	w := &wrapping{Plan: p, j: j, o: o}
	way := p.Workload.Way
	after, err := edit.Values(p.Workload.Object, edit.Change{Way: way, Sets: p.Change.Sets, Drops: p.Change.Drops})
	w.spec, _ = workload.Descend(after, way).(map[string]any)
	if err != nil || w.spec == nil {
		p.refuseAll(Unreadable, "")
		return
	}
	mains := w.mains()
	if !w.fits(mains) {
		return
	}
	if o.Strategy == Universal {
		w.universal(mains)
	} else {
		w.wrapper(mains)
	}
	switch {
	case len(p.Needs) > 0 || len(p.Unanswered) > 0:
		p.Remarks = nil
		p.Change = edit.Change{Document: p.Change.Document, Way: p.Change.Way}
	default:
		w.finish()
		p.Change.Then = &edit.Change{Document: p.Change.Document, Way: templateWay(p.Workload), Adds: w.adds}
	}
}

// refuseAll leaves all containers where they are.
func (p *Plan) refuseAll(reason Reason, about string) {
	for _, m := range p.Moves {
		p.Refused = append(p.Refused, Refused{Container: m.Container, Place: m.Place, Reason: reason, About: about})
	}
	p.Moves, p.Change = nil, edit.Change{Document: p.Change.Document, Way: p.Change.Way}
}

// mains are the containers that wait, and whose end ends the sidecars: those that need one, or else all that do work.
func (w *wrapping) mains() []*roles.Container {
	var needing, all []*roles.Container
	for i := range w.j.Containers {
		c := &w.j.Containers[i]
		if c.Init || w.moves(c.Name) {
			continue
		}
		all = append(all, c)
		if slices.ContainsFunc(w.j.Edges, func(e roles.Edge) bool { return e.From == c.Name && e.Kind != roles.Stops && w.moves(e.To) }) {
			needing = append(needing, c)
		}
	}
	switch {
	case ends(w.Workload):
		return all
	case len(needing) > 0:
		return needing
	}
	return slices.DeleteFunc(all, func(c *roles.Container) bool { return c.Role != roles.Main })
}

func (p *Plan) moves(name string) bool {
	return slices.ContainsFunc(p.Moves, func(m Move) bool { return m.Container == name })
}

// fits reports whether a strategy with sidecar-run can be followed, and says why not.
func (w *wrapping) fits(mains []*roles.Container) bool {
	spec := w.Workload.Spec()
	for _, m := range w.Moves {
		if reason, about := w.unfit(m); reason != "" {
			w.refuseAll(reason, about)
			return false
		}
	}
	switch {
	case w.wrapped() != "":
		w.refuseAll(AlreadyWrapped, w.wrapped())
	case w.j.Container(runVolume) != nil || slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == runVolume || strings.HasPrefix(v.Name, runVolume+"-") }):
		w.refuseAll(NameTaken, runVolume)
	case ends(w.Workload) && len(mains) > 1:
		var names []string
		for _, c := range mains {
			names = append(names, c.Name)
		}
		w.refuseAll(SeveralMains, strings.Join(names, ", "))
	default:
		return true
	}
	return false
}

// wrapped is a container before whose command sidecar-run stands, and stays; empty for none.
func (w *wrapping) wrapped() string {
	if w.j.Run == nil {
		return ""
	}
	for _, c := range w.j.Run.Wrapped {
		left, _ := w.container("containers", c.Name)
		command, _ := left["command"].([]any)
		if len(command) > 0 && strings.HasSuffix(fmt.Sprint(command[0]), "sidecar-run") {
			return c.Name
		}
	}
	return ""
}

// unfit is why one sidecar cannot have sidecar-run before it; empty where it can.
func (w *wrapping) unfit(m Move) (Reason, string) {
	if m.Init {
		return OnlyNative, ""
	}
	if w.o.Strategy != Universal {
		return "", ""
	}
	if twin := m.Container + twinSuffix; len(twin) > 63 || w.j.Container(twin) != nil {
		return NameTaken, twin
	}
	if hook := w.executes(m.Container); hook != "" && !ends(w.Workload) {
		return ExecInSleeper, hook
	}
	return "", ""
}

// executes is the probe or hook of a container that runs a command in it; empty for none. What a workaround takes out does
// not count.
func (w *wrapping) executes(name string) string {
	c, _ := w.container("containers", name)
	for _, way := range [][]string{{"startupProbe"}, {"readinessProbe"}, {"livenessProbe"}, {"lifecycle", "postStart"}, {"lifecycle", "preStop"}} {
		if workload.Descend(c, append(slices.Clone(way), "exec")) != nil {
			return strings.Join(way, ".")
		}
	}
	return ""
}

// container is one of a list, and its index; nil and -1 for none.
func (w *wrapping) container(list, name string) (map[string]any, int) {
	items, _ := w.spec[list].([]any)
	for i, item := range items {
		if c, _ := item.(map[string]any); c["name"] == name {
			return c, i
		}
	}
	return nil, -1
}
