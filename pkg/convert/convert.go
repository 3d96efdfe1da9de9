// Package convert decides what of a workload is to become a native sidecar, what that changes, and what else has to
// change with it. It reads no file and writes none: the change is made by pkg/edit.
package convert

import (
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// Options are what the user has asked for.
type Options struct {
	// Containers are named, as [workload.Workload.Meant] takes them: they are converted without further signals, and nothing else is. Nil for none.
	Containers []string
	// RemoveWorkarounds takes out whole sets that are recognized.
	RemoveWorkarounds bool
	// Strategy is native where it is empty.
	Strategy Strategy
	// RunImage is the image with sidecar-run.
	RunImage string
	// Commands are those of images, by container: what sidecar-run stands before.
	Commands map[string][]string
	// Waits are the addresses that answer when a sidecar can be used, by container.
	Waits map[string]string
	// Injected are sidecars that a webhook puts into the pods, by the names that sidecar-run knows: with wrapper only.
	Injected []string
	// Minor is the version of Kubernetes that the workloads are meant for: 31 of 1.31; 0 where nobody named one.
	Minor int
	// Unready is set where the cluster was seen not to run native sidecars of the workload.
	Unready bool
	// remembered are the sidecars that another strategy was for: they count as named, and others are looked for besides.
	remembered []string
	// only is set where containers are named, maybe of other workloads.
	only bool
}

// A Plan is what is to be done with one workload.
type Plan struct {
	Workload *workload.Workload
	// Change is empty when nothing is to be done. Its way is that from the root of the document.
	Change  edit.Change
	Moves   []Move
	Asks    []Ask
	Refused []Refused
	Removed []Removed
	Remarks []Remark
	// Strategy is the one that was asked for.
	Strategy Strategy
	// Needs are commands that have to be given, Unanswered sidecars of which nothing says when they can be used: without
	// them nothing is changed.
	Needs      []Need
	Unanswered []Unanswered
	// NotReady is set where the version that was named, or the cluster, does not run native sidecars, so nothing becomes one.
	NotReady bool
	// Undone takes out what another strategy has written, before anything else; nil for nothing. Workload is what that
	// leaves, object the one that there is.
	Undone *edit.Change
	object map[string]any
}

// Changes reports whether something is to be done.
func (p *Plan) Changes() bool {
	return p.Undone != nil || len(p.Change.Moves)+len(p.Change.Drops)+len(p.Change.Sets) > 0 || p.Change.Then != nil
}

// Says reports whether there is anything to tell.
func (p *Plan) Says() bool {
	return p.Changes() || p.NotReady || len(p.Asks)+len(p.Refused)+len(p.Removed)+len(p.Needs)+len(p.Unanswered) > 0
}

// Relocates reports whether a container gets another place.
func (p *Plan) Relocates() bool {
	return slices.ContainsFunc(p.Moves, func(m Move) bool { return !m.Init })
}

// Rewraps reports whether sidecar-run is put before commands, or taken away.
func (p *Plan) Rewraps() bool { return p.Undone != nil || p.Change.Then != nil }

// Whole is everything that is to be done, from what there is.
func (p *Plan) Whole() edit.Change {
	if p.Undone == nil {
		return p.Change
	}
	out := *p.Undone
	out.Then = &p.Change
	return out
}

// Object is the object that there is.
func (p *Plan) Object() map[string]any {
	if p.object != nil {
		return p.object
	}
	return p.Workload.Object
}

// An Unanswered is a sidecar of which nothing says when it can be used.
type Unanswered struct {
	Container string
	Place     workload.Place
}

// A Move is a container that becomes a native sidecar.
type Move struct {
	Container string
	Place     workload.Place
	// Named reports whether the user has named it, Remembered whether another strategy was for it; else Signals say why.
	Named, Remembered bool
	Signals           []roles.Signal
	// Init is set for an init container, which stays where it is.
	Init bool
	// Probe is the startupProbe that it gets; nil for none. Proposal says why, and what is not certain about it.
	Probe    map[string]any
	Proposal roles.Proposal
	Before   string
}

// An Ask is a container that may be a sidecar: not sure enough to be moved unasked.
type Ask struct {
	Container string
	Place     workload.Place
	Signals   []roles.Signal
}

// A Refused is a container that was named, and must not be moved.
type Refused struct {
	Container string
	Place     workload.Place
	Reason    Reason
	// About is another container, a file or an address that the reason is about.
	About string
}

// A Reason is why a container stays where it is.
type Reason string

// Reasons of a Refused.
const (
	LastContainer Reason = "last-container"
	InitExits     Reason = "init-container-exits"
	CallsMain     Reason = "calls-the-main-container"
	OneShot       Reason = "exits-on-its-own"
	Wrapped       Reason = "wrapper-waits-for-it"
	// InitOrder: an init container prepares what it needs, behind one that needs it.
	InitOrder  Reason = "init-container-feeds-it-too-late"
	Unreadable Reason = "workload-not-readable"
	// RestartsAll: its rules restart all containers of the pod, which nothing else does.
	RestartsAll Reason = "restarts-all-containers"
	// OwnPolicy: its own restartPolicy says that it is not always restarted, as every native sidecar is.
	OwnPolicy Reason = "has-its-own-restart-policy"
	// AlreadyNative: sidecar-run stands before ordinary containers.
	AlreadyNative Reason = "already-native"
	// AlreadyWrapped: somebody has written sidecar-run before a command by hand.
	AlreadyWrapped Reason = "already-wrapped"
	// OnlyNative: it is an init container, which only a native sidecar can be.
	OnlyNative Reason = "only-native"
	// NameTaken: a name that sidecar-run needs is in use.
	NameTaken Reason = "name-taken"
	// ExecInSleeper: a probe or hook would run in the container that only sleeps.
	ExecInSleeper Reason = "exec-in-sleeper"
	// SeveralMains: the end of none of several containers is the end of the work.
	SeveralMains Reason = "several-mains"
	// NotUndone: what another strategy has written was changed since.
	NotUndone Reason = "not-undone"
)

// A Removed is a workaround that is taken out as a whole, or, where it is Left, stays.
type Removed struct {
	roles.Workaround
	Left Left
}

// Left is why a workaround stays; empty for one that is taken out.
type Left string

// Reasons to leave a workaround.
const (
	NotAsked      Left = "not-asked"
	NotUnderstood Left = "not-understood"
	StillNeeded   Left = "still-needed" // no startupProbe waits for the sidecar, now or when a strategy is taken back
)

// Of is the plan for one workload. What another strategy has made of it is taken back first.
func Of(w *workload.Workload, o Options) *Plan {
	if o.Strategy == "" {
		o.Strategy = Native
	}
	if o.RunImage == "" {
		o.RunImage = PlaceholderImage
	}
	o = o.within(w)
	was := strategyOf(w)
	back, clear := undo(w)
	switch {
	case was == "" || was == Native:
		return of(w, o)
	case was == o.Strategy || o.Strategy == Native && o.notReady():
		return &Plan{Workload: w, Strategy: o.Strategy, Change: edit.Change{Document: w.Place.Document, Way: slices.Concat(w.Root, w.Way)}, NotReady: was != o.Strategy}
	}
	before := undone(w, back)
	if !clear || before == nil {
		p := &Plan{Workload: w, Strategy: o.Strategy, Change: edit.Change{Document: w.Place.Document, Way: slices.Concat(w.Root, w.Way)}}
		p.Refused = append(p.Refused, Refused{Place: w.Place, Reason: NotUndone, About: string(was)})
		return p
	}
	p := of(before, o.remembering(w))
	for i := range p.Moves {
		p.Moves[i].Place = placeOf(w, p.Moves[i].Container)
	}
	if o.Strategy == Native || p.Change.Then != nil {
		p.Undone, p.object = &back, w.Object
	}
	return p
}

// placeOf is where an ordinary container is.
func placeOf(w *workload.Workload, name string) workload.Place {
	for i, c := range w.Spec().Containers {
		if c.Name == name {
			return w.AtContainer(false, i)
		}
	}
	return w.Place
}

// remembering are the options with what another strategy knew of a workload: its sidecars, and the image with sidecar-run.
func (o Options) remembering(w *workload.Workload) Options {
	run := roles.RunOf(w)
	if !o.only {
		o.remembered = run.Sidecars
	}
	if len(run.Installs) > 0 && o.RunImage == PlaceholderImage {
		o.RunImage = w.Spec().InitContainers[run.Installs[0]].Image
	}
	return o
}

// notReady reports whether native sidecars do not run where the workload goes.
func (o Options) notReady() bool { return o.Unready || o.Minor > 0 && o.Minor < NativeSince }

// of is the plan for a workload as people have written it.
func of(w *workload.Workload, o Options) *Plan {
	p := &Plan{Workload: w, Strategy: o.Strategy, Change: edit.Change{Document: w.Place.Document, Way: slices.Concat(w.Root, w.Way)}}
	if w.Unreadable != nil {
		if p.has(o.Containers...) {
			p.Refused = append(p.Refused, Refused{Place: w.Place, Reason: Unreadable, About: w.Unreadable.Error()})
		}
		return p
	}
	j := roles.Judge(w)
	p.choose(&j, o)
	if o.Strategy == Native && o.notReady() && len(p.Moves) > 0 {
		p.NotReady, p.Moves = true, nil
		return p
	}
	p.takeOut(&j, o)
	switch {
	case o.Strategy == Native:
		for _, m := range p.Moves {
			p.Change.Moves = append(p.Change.Moves, edit.Move{Container: m.Container, Probe: m.Probe, Before: m.Before})
		}
		p.dropRules(&j)
	case len(p.Moves) > 0, o.Strategy == Wrapper && len(o.Injected) > 0:
		p.wrap(&j, o)
	}
	if p.Changes() {
		p.remark(&j, o)
	}
	return p
}

// has reports whether one of the ordinary containers has one of the names.
func (p *Plan) has(names ...string) bool {
	spec := p.Workload.Spec()
	for _, c := range spec.Containers {
		if slices.Contains(names, c.Name) {
			return true
		}
	}
	return false
}
