package pods

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A Row is what one container of a pod did from the pod's creation on, as far as the pod's status
// tells. The status keeps the current run of a container and the one before; what is not in it is
// not in the row either.
type Row struct {
	Name string `json:"name"`
	// Type is init, sidecar or main.
	Type     string    `json:"type"`
	Segments []Segment `json:"segments"`
	Restarts int32     `json:"restarts"`
	// ExitCode is that of the last run that is over; nil when none is.
	ExitCode *int32 `json:"exitCode,omitempty"`
	// Blocks is set for the one container that holds up all that come after it.
	Blocks bool `json:"blocks,omitempty"`
	// Reason is the state in a word or two, as the API says it where it does: "CrashLoopBackOff",
	// "Completed", "startup probe has not succeeded".
	Reason string `json:"reason,omitempty"`
}

// Reasons of a container that runs and that the next one waits for.
const (
	ReasonNotExited  = "running; the next waits for it to exit"
	ReasonNotStarted = "startup probe has not succeeded"
)

// A SegmentState is what a container did for some time.
type SegmentState string

const (
	// SegmentWaiting: not running, will be.
	SegmentWaiting SegmentState = "waiting"
	// SegmentRunning: running, and the next container waits: a plain init container, or one whose
	// startup probe has not succeeded.
	SegmentRunning SegmentState = "running"
	// SegmentStarted: running, and nobody waits for it.
	SegmentStarted SegmentState = "started"
	// SegmentTerminated: exited, and not restarted so far.
	SegmentTerminated SegmentState = "terminated"
)

// A Segment is a time in one state, [From, To).
type Segment struct {
	State SegmentState `json:"state"`
	// From is zero when it is not in the status.
	From time.Time `json:"from,omitzero"`
	// To is zero for the last segment, which lasts.
	To time.Time `json:"to,omitzero"`
	// Note is the exit code of a run that is over, the reason for waiting, or a doubt.
	Note string `json:"note,omitempty"`
}

// timeline has a row for each container of a pod, in start order: init containers and sidecars as
// declared, then regular containers.
func (p subject) timeline() []Row {
	blocker, all := p.blocker(), p.all()
	if p.finished() || p.deleting() || p.Spec.NodeName == "" {
		blocker = nil
	}
	out := []Row{}
	for i, c := range all {
		row := Row{Name: c.Name, Type: kindOf(c), Segments: []Segment{}, Restarts: c.restarts(), Reason: p.reason(c)}
		if end := c.ended(); end != nil {
			code := end.ExitCode
			row.ExitCode = &code
		}
		row.Blocks = blocker != nil && blocker.init && c.init && blocker.Name == c.Name
		row.Segments = append(row.Segments, p.past(c)...)
		row.Segments = append(row.Segments, p.present(c, firstStart(all[i+1:]))...)
		out = append(out, row)
	}
	return out
}

func kindOf(c container) string {
	switch {
	case c.sidecar():
		return "sidecar"
	case c.init:
		return "init"
	}
	return "main"
}

// reason is the state of a container in a word or two; "" when there is none.
func (p subject) reason(c container) string {
	switch {
	case !p.hookSince(c).IsZero():
		return "postStart hook has not returned"
	case c.status == nil && p.finished():
		return "never started"
	case c.status == nil:
		return "not in the status yet"
	case c.waiting() != "":
		return c.waiting()
	case c.status.State.Terminated != nil:
		return c.status.State.Terminated.Reason
	case c.running():
		return c.runningReason()
	}
	return ""
}

func (c container) runningReason() string {
	switch {
	case c.StartupProbe != nil && !started(c):
		return ReasonNotStarted
	case c.init && !c.sidecar():
		return ReasonNotExited
	case !c.status.Ready:
		return "not ready"
	}
	return "running"
}

// past is the wait for the first run and the run before the current state.
func (p subject) past(c container) []Segment {
	created := p.CreationTimestamp.Time
	if c.status == nil && p.finished() {
		return nil
	}
	if c.status == nil {
		return []Segment{{State: SegmentWaiting, From: created}}
	}
	last := c.status.LastTerminationState.Terminated
	var first time.Time
	runs := int32(0) // known ones
	switch state := c.status.State; {
	case state.Running != nil:
		first, runs = state.Running.StartedAt.Time, 1
	case state.Terminated != nil:
		first, runs = runStart(state.Terminated), 1
	}
	if last != nil {
		first = runStart(last)
		runs++
	}
	var out []Segment
	switch unknown := p.runs(c) - runs; {
	case unknown > 0:
		// Runs that the status has forgotten: from the creation on it is not known what it did.
		out = append(out, Segment{State: SegmentWaiting, From: created, To: first, Note: fmt.Sprintf("%s no longer in the status", prose.Counted(int(unknown), "earlier run"))})
	case runs > 0:
		out = append(out, Segment{State: SegmentWaiting, From: created, To: first})
	}
	if last == nil {
		return out
	}
	out = append(out, Segment{State: p.overAs(c), From: runStart(last), To: last.FinishedAt.Time, Note: exitNote(last)})
	if now := c.status.State; now.Running != nil {
		out = append(out, Segment{State: SegmentTerminated, From: last.FinishedAt.Time, To: now.Running.StartedAt.Time, Note: exitNote(last)})
	} else if now.Terminated != nil {
		out = append(out, Segment{State: SegmentTerminated, From: last.FinishedAt.Time, To: runStart(now.Terminated), Note: exitNote(last)})
	}
	return out
}

// runs is how often a container has been started.
func (p subject) runs(c container) int32 {
	if !c.ran() {
		return 0
	}
	if c.waiting() != "" {
		return max(c.restarts(), 1) // the count goes up when the next run starts
	}
	return c.restarts() + 1
}

// present is the current state. next is when the first of the later containers was started.
func (p subject) present(c container, next time.Time) []Segment {
	if c.status == nil {
		return nil
	}
	switch state := c.status.State; {
	case state.Running != nil:
		return p.run(c, state.Running.StartedAt.Time, next)
	case state.Terminated != nil:
		t := state.Terminated
		return []Segment{
			{State: p.overAs(c), From: runStart(t), To: t.FinishedAt.Time, Note: exitNote(t)},
			{State: SegmentTerminated, From: t.FinishedAt.Time, Note: exitNote(t)},
		}
	case state.Waiting != nil && !p.hookSince(c).IsZero():
		since := p.hookSince(c)
		return []Segment{
			{State: SegmentWaiting, From: p.CreationTimestamp.Time, To: since},
			{State: SegmentRunning, From: since, Note: "by an event; its status says " + state.Waiting.Reason},
		}
	case state.Waiting != nil:
		from := p.CreationTimestamp.Time
		if last := c.status.LastTerminationState.Terminated; last != nil {
			from = last.FinishedAt.Time
		}
		return []Segment{{State: SegmentWaiting, From: from, Note: state.Waiting.Reason}}
	}
	return nil
}

// hookSince is when a container was started whose postStart hook has not returned: its status says
// that it waits, an event says that it runs. It is zero for all others.
func (p subject) hookSince(c container) time.Time {
	if c.Lifecycle == nil || c.Lifecycle.PostStart == nil || !p.hanging(c) {
		return time.Time{}
	}
	for _, e := range p.eventsAbout(c, "Started") {
		return eventTime(e).Time
	}
	return time.Time{}
}

// run is a run that lasts. When a startup probe succeeded is not in the status; the start of the
// next container tells until when at the latest.
func (p subject) run(c container, from, next time.Time) []Segment {
	switch {
	case c.init && !c.sidecar(), c.StartupProbe != nil && !started(c), c.sidecar() && !started(c):
		return []Segment{{State: SegmentRunning, From: from}}
	case c.StartupProbe == nil || !c.sidecar():
		return []Segment{{State: SegmentStarted, From: from}}
	case next.After(from):
		return []Segment{{State: SegmentRunning, From: from, To: next, Note: "started by the end of this at the latest"}, {State: SegmentStarted, From: next}}
	}
	return []Segment{{State: SegmentStarted, From: from, Note: "when its startup probe succeeded is not in the status"}}
}

// overAs is the state of a run that is over: of a plain init container, and of a sidecar whose startup
// probe holds up the pod to this day, the next container waited for it.
func (p subject) overAs(c container) SegmentState {
	blocker := p.blocker()
	if c.init && !c.sidecar() || c.StartupProbe != nil && blocker != nil && blocker.init == c.init && blocker.Name == c.Name {
		return SegmentRunning
	}
	return SegmentStarted
}

func exitNote(t *corev1.ContainerStateTerminated) string {
	if t.Reason == oomKilled || begun(t).IsZero() && t.Reason != "" {
		return fmt.Sprintf("exit code %d, %s", t.ExitCode, t.Reason)
	}
	return fmt.Sprintf("exit code %d", t.ExitCode)
}

// firstStart is when the first of the containers was first started, as far as that is known.
func firstStart(list []container) time.Time {
	for _, c := range list {
		switch {
		case c.status == nil:
		case c.status.LastTerminationState.Terminated != nil:
			return runStart(c.status.LastTerminationState.Terminated)
		case c.status.State.Terminated != nil:
			return runStart(c.status.State.Terminated)
		case c.status.State.Running != nil:
			return c.status.State.Running.StartedAt.Time
		}
	}
	return time.Time{}
}

// runStart is when a run began; one that could not be started has no length.
func runStart(t *corev1.ContainerStateTerminated) time.Time {
	if at := begun(t); !at.IsZero() {
		return at
	}
	return t.FinishedAt.Time
}
