package report

import (
	"slices"
	"time"
)

// A picture is the start of one pod, ready to be drawn: a lane for each container, in the order in
// which the kubelet starts them. Times count from the pod's creation.
type picture struct {
	title  string
	length time.Duration
	lanes  []lane
}

// A lane is what one container did.
type lane struct {
	role, name string
	bars       []bar
	// note is the state it is in, in a few words.
	note string
	// gate is set where the pod stands: what comes after waits for this container.
	gate bool
}

// A bar is a time spent in one state.
type bar struct {
	state    barState
	from, to time.Duration
	// failed is set for a run that ended with an exit code other than 0.
	failed bool
	// ended is set for a run that is over.
	ended bool
}

// barState is how a bar is drawn.
type barState int

const (
	barWaiting barState = iota
	// barHalfway is a container that runs and does not count as started: its startup probe has not
	// succeeded, or it is an init container that has not finished.
	barHalfway
	barStarted
)

// A look is how a state is drawn in text and what it is called.
type look struct {
	name, symbol, ascii, color, fill string
}

var looks = map[barState]look{
	barWaiting: {"waiting", "·", ".", dim, "#9ca3af"},
	barHalfway: {"running, next waits", "▒", "~", yellow, "#d97706"},
	barStarted: {"started", "█", "=", green, "#16a34a"},
}

var (
	lookDone   = look{"exit 0", "▏", "|", "", "#16a34a"}
	lookFailed = look{"failed", "×", "x", red, "#dc2626"}
	lookGate   = look{"the pod stands here", "▶", ">", bold, "#dc2626"}
)

const dim = "2"

// used is the looks that are in the picture, for its legend.
func (pic picture) used() []look {
	var out []look
	for _, state := range []barState{barWaiting, barHalfway, barStarted} {
		if pic.has(func(b bar) bool { return b.state == state }) {
			out = append(out, looks[state])
		}
	}
	if pic.has(func(b bar) bool { return b.ended && !b.failed }) {
		out = append(out, lookDone)
	}
	if pic.has(func(b bar) bool { return b.failed }) {
		out = append(out, lookFailed)
	}
	if slices.ContainsFunc(pic.lanes, func(l lane) bool { return l.gate }) {
		out = append(out, lookGate)
	}
	return out
}

func (pic picture) has(is func(bar) bool) bool {
	for _, l := range pic.lanes {
		for _, b := range l.bars {
			if is(b) {
				return true
			}
		}
	}
	return false
}
