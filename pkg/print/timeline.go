package print

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
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
	// blocks is set where the pod stands: what comes after waits for this container.
	blocks bool
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
	// barForgotten is a time that the status says nothing about: earlier runs.
	barForgotten
)

// A look is how a state is drawn in text and what it is called.
type look struct {
	name, symbol, ascii, color, fill string
}

var looks = map[barState]look{
	barWaiting:   {"waiting", "·", ".", dim, "#9ca3af"},
	barHalfway:   {"running, next waits", "▒", "~", yellow, "#d97706"},
	barStarted:   {"started", "█", "=", green, "#16a34a"},
	barForgotten: {"earlier runs", "-", "-", dim, "#9ca3af"},
}

var (
	lookDone   = look{"exit 0", "▏", "|", "", "#16a34a"}
	lookFailed = look{"failed", "×", "x", red, "#dc2626"}
	lookGate   = look{"blocking the pod", "▶", ">", bold, "#dc2626"}
)

const dim = "2"

// used is the looks that are in the picture, for its legend.
func (pic picture) used() []look {
	var out []look
	for _, state := range []barState{barWaiting, barHalfway, barStarted, barForgotten} {
		if pic.has(func(b bar) bool { return b.state == state }) {
			out = append(out, looks[state])
		}
	}
	if slices.ContainsFunc(pic.lanes, endsWell) {
		out = append(out, lookDone)
	}
	if pic.has(func(b bar) bool { return b.failed }) {
		out = append(out, lookFailed)
	}
	if slices.ContainsFunc(pic.lanes, func(l lane) bool { return l.blocks }) {
		out = append(out, lookGate)
	}
	return out
}

// endsWell reports whether the last that is drawn of a container is a run that ended well.
func endsWell(l lane) bool {
	return len(l.bars) > 0 && l.bars[len(l.bars)-1].ended && !l.bars[len(l.bars)-1].failed
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

// pictureOf draws the timeline of a diagnosis, from the pod's creation to the time of the report; now
// says that this is when the pod was looked at, not just a time that a file mentions.
func pictureOf(d pods.Diagnosis, taken time.Time, now bool) picture {
	from, to := bounds(d.Timeline)
	if taken.After(to) {
		to = taken
	}
	pic := picture{title: pictureTitle(d, from, taken, now), length: to.Sub(from)}
	for _, row := range d.Timeline {
		l := lane{role: row.Type, name: row.Name, note: noteOf(row), blocks: row.Blocks}
		for _, s := range row.Segments {
			l.bars = append(l.bars, barsOf(s, from, to)...)
		}
		pic.lanes = append(pic.lanes, l)
	}
	return pic
}

func pictureTitle(d pods.Diagnosis, from, taken time.Time, now bool) string {
	if len(d.Pods) == 0 || len(d.Timeline) == 0 {
		return report.ObjectName(d.Object) + ": no pod was seen"
	}
	title := report.ObjectName(checks.Object{Kind: "Pod", Namespace: d.Object.Namespace, Name: d.Pods[0]})
	if len(d.Pods) > 1 {
		title += fmt.Sprintf(", one of %d", len(d.Pods))
	}
	if from.IsZero() {
		return title
	}
	title += ", created " + from.UTC().Format(time.RFC3339)
	if now && taken.After(from) {
		title += ", " + short(taken.Sub(from)) + " ago"
	}
	return title
}

// bounds are the first and the last time that is in a timeline.
func bounds(rows []pods.Row) (from, to time.Time) {
	for _, row := range rows {
		for _, s := range row.Segments {
			for _, t := range []time.Time{s.From, s.To} {
				if t.IsZero() {
					continue
				}
				if from.IsZero() || t.Before(from) {
					from = t
				}
				if t.After(to) {
					to = t
				}
			}
		}
	}
	return from, to
}

// barsOf draws a segment. A container that is not run again is not drawn: its last bar has an end.
// One that was run again waited in between.
func barsOf(s pods.Segment, from, to time.Time) []bar {
	b := bar{to: to.Sub(from)}
	if !s.From.IsZero() {
		b.from = s.From.Sub(from)
	}
	if !s.To.IsZero() {
		b.to = s.To.Sub(from)
	}
	switch s.State {
	case pods.SegmentWaiting:
		b.state = barWaiting
		if s.Note != "" && !s.To.IsZero() {
			b.state = barForgotten
		}
	case pods.SegmentRunning:
		b.state = barHalfway
	case pods.SegmentStarted:
		b.state = barStarted
	default:
		if s.To.IsZero() {
			return nil
		}
		b.state = barWaiting
		return []bar{b}
	}
	if code, ended := strings.CutPrefix(s.Note, "exit code "); ended {
		b.ended, b.failed = true, code != "0"
	}
	return []bar{b}
}

// noteOf is the state of a container in a few words, the numbers first: the end may be cut off.
func noteOf(row pods.Row) string {
	var parts []string
	ended := row.Reason == "Completed" || row.Reason == "Error" || row.Reason == "OOMKilled"
	if row.ExitCode != nil && (ended || row.Restarts > 0) {
		parts = append(parts, fmt.Sprintf("exit %d", *row.ExitCode))
	}
	if row.Restarts > 0 {
		parts = append(parts, prose.Counted(int(row.Restarts), "restart"))
	}
	switch row.Reason {
	case "", "Completed", "Error":
	case pods.ReasonNotExited:
		parts = append(parts, "running")
	case pods.ReasonNotStarted:
		parts = append(parts, "startup probe pending")
	case "CrashLoopBackOff":
		parts = append(parts, "back-off")
	case "PodInitializing":
		parts = append(parts, "waiting")
	default:
		parts = append(parts, row.Reason)
	}
	return strings.Join(parts, ", ")
}
