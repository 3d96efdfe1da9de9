// Package convert decides what of a workload is to become a native sidecar, what that changes, and what else has to
// change with it. It reads no file and writes none: the change is made by pkg/edit.
package convert

import (
	"slices"
	"strconv"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// Options are what the user has asked for.
type Options struct {
	// Containers are named: they are converted without further signals, and nothing else is.
	Containers []string
	// RemoveWorkarounds takes out whole sets that are recognized.
	RemoveWorkarounds bool
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
}

// Changes reports whether something is to be done.
func (p *Plan) Changes() bool {
	return len(p.Change.Moves)+len(p.Change.Drops)+len(p.Change.Sets) > 0
}

// A Move is a container that becomes a native sidecar.
type Move struct {
	Container string
	Place     workload.Place
	// Named reports whether the user has named it; else Signals say why.
	Named   bool
	Signals []Signal
	// Probe is the startupProbe that it gets; without one, NoProbe says why.
	Probe   map[string]any
	NoProbe string
}

// A Signal is why a container counts as a sidecar.
type Signal struct {
	Kind  string
	Place workload.Place
	Quote string
}

// An Ask is a container that may be a sidecar: not sure enough to be moved unasked.
type Ask struct {
	Container string
	Place     workload.Place
	Signals   []Signal
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
	IsPlainInit   Reason = "is-init-container"
	CallsMain     Reason = "calls-the-main-container"
	OneShot       Reason = "exits-on-its-own"
	Wrapped       Reason = "wrapper-waits-for-it"
	Unreadable    Reason = "workload-not-readable"
)

// A Removed is a workaround that is taken out as a whole.
type Removed struct {
	Kind   string
	Fields []string
}

// Of is the plan for one workload.
func Of(w *workload.Workload, o Options) *Plan {
	p := &Plan{Workload: w, Change: edit.Change{Document: w.Place.Document, Way: slices.Concat(w.Root, w.Way)}}
	if w.Unreadable != nil {
		if p.has(o.Containers...) {
			p.Refused = append(p.Refused, Refused{Place: w.Place, Reason: Unreadable, About: w.Unreadable.Error()})
		}
		return p
	}
	p.choose(o)
	for _, m := range p.Moves {
		p.Change.Moves = append(p.Change.Moves, edit.Move{Container: m.Container, Probe: m.Probe, Before: p.neededBy(m.Container)})
	}
	if p.Changes() {
		p.remark()
	}
	return p
}

// Names are the ordinary containers and init containers of a workload.
func (p *Plan) has(names ...string) bool {
	spec := p.Workload.Spec()
	for _, c := range spec.Containers {
		if slices.Contains(names, c.Name) {
			return true
		}
	}
	return false
}

// named are the moves that the user has asked for, in the order of the containers.
func (p *Plan) named(names []string) {
	containers := p.Workload.Spec().Containers
	for i, c := range containers {
		if slices.Contains(names, c.Name) {
			p.Moves = append(p.Moves, Move{Container: c.Name, Place: p.at(i), Named: true})
		}
	}
	if len(p.Moves) == len(containers) {
		for _, m := range p.Moves {
			p.Refused = append(p.Refused, Refused{Container: m.Container, Place: m.Place, Reason: LastContainer})
		}
		p.Moves = nil
	}
	for i, c := range p.Workload.Spec().InitContainers {
		if slices.Contains(names, c.Name) && (c.RestartPolicy == nil || *c.RestartPolicy != "Always") {
			place := p.Workload.At("initContainers", strconv.Itoa(i))
			p.Refused = append(p.Refused, Refused{Container: c.Name, Place: place, Reason: IsPlainInit})
		}
	}
}

func (p *Plan) at(i int) workload.Place { return p.Workload.At("containers", strconv.Itoa(i)) }
