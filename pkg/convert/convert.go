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
	Signals []roles.Signal
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
	Unreadable    Reason = "workload-not-readable"
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
	StillNeeded   Left = "still-needed" // nothing else waits for the sidecar
)

// Of is the plan for one workload.
func Of(w *workload.Workload, o Options) *Plan {
	p := &Plan{Workload: w, Change: edit.Change{Document: w.Place.Document, Way: slices.Concat(w.Root, w.Way)}}
	if w.Unreadable != nil {
		if p.has(o.Containers...) {
			p.Refused = append(p.Refused, Refused{Place: w.Place, Reason: Unreadable, About: w.Unreadable.Error()})
		}
		return p
	}
	j := roles.Judge(w)
	p.choose(&j, o)
	p.takeOut(&j, o)
	for _, m := range p.Moves {
		p.Change.Moves = append(p.Change.Moves, edit.Move{Container: m.Container, Probe: m.Probe, Before: m.Before})
	}
	if p.Changes() {
		p.remark()
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
