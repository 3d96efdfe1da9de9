package pods

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// The kubelet runs a postStart hook before it starts the next container, and while it runs the
// container still shows as waiting: only an event tells that it has started.
var postStartHookBlocking = podCheck(checks.Check{
	ID:      "post-start-hook-blocking",
	Title:   "postStart hooks return and let the next container start",
	Uses:    slices.Concat(witnessed, owned),
	Advises: versioned,
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.stopping() {
		return nil, nil
	}
	for _, c := range p.all() {
		switch p.hookState(c) {
		case hookFails:
			return p.hookFinding(c, "fails"), nil
		case hookHangs:
			return p.hookFinding(c, "has not returned, "+p.startEvent(c).words()), nil
		case hookUnknown:
			return nil, p.noEvents("container " + c.Name + " has a postStart hook and has not started; only events would tell whether the hook hangs")
		}
	}
	return nil, nil
})

// A hookState is what becomes of a container's postStart hook.
type hookState int

const (
	// hookFine: there is none, it has returned, or may still.
	hookFine hookState = iota
	hookFails
	hookHangs
	// hookUnknown: it may hang, and only events would tell.
	hookUnknown
)

func (p subject) hookState(c container) hookState {
	if c.Lifecycle == nil || c.Lifecycle.PostStart == nil || started(c) && c.waiting() == "" {
		return hookFine
	}
	if c.waiting() == "PostStartHookError" || len(p.eventsAbout(c, "FailedPostStartHook")) > 0 && !started(c) {
		return hookFails
	}
	if !p.hanging(c) {
		return hookFine
	}
	start := p.startEvent(c)
	switch {
	case start.atLeast(settle):
		return hookHangs
	case start.at.IsZero() && p.born().atLeast(settle) && p.isNext(c):
		return hookUnknown
	}
	return hookFine
}

// startEvent is when a container was started, by an event; zero when there is none.
func (p subject) startEvent(c container) age {
	starts := p.eventsAbout(c, "Started")
	if len(starts) == 0 {
		return age{}
	}
	return ageOf(p.s.Snapshot, eventTime(starts[0]))
}

func (p subject) hookFinding(c container, state string) *checks.Finding {
	effect := "the kubelet starts the next container only after it"
	if len(p.after(c)) == 0 {
		effect = "the container does not count as running before it has returned, and is stopped if it fails"
	}
	events := slices.Concat(p.eventsAbout(c, "FailedPostStartHook"), p.eventsAbout(c, "Started"))
	return &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("the postStart hook of %s %s: %s", c.role(), state, effect),
		Evidence: slices.Concat([]string{fmt.Sprintf("postStart of %s: %s", c.Name, software.Handler(c.Lifecycle.PostStart))},
			waitingEvidence(c), newest(p.s.Snapshot, events, 2), p.ending(c)),
		Steps: p.hookSteps(c),
	}
}

// hanging reports whether the kubelet is in the middle of starting a container for the first time.
func (p subject) hanging(c container) bool {
	return c.status != nil && c.ended() == nil && facts.StartingReason(c.waiting())
}

// isNext reports whether all containers before c are through.
func (p subject) isNext(c container) bool {
	if blocker := p.blocker(); blocker != nil {
		return c.init && blocker.Name == c.Name
	}
	return !c.init
}

// hookSteps replace the hook by a startup probe that asks the same. The application itself is never made a sidecar.
func (p subject) hookSteps(c container) []checks.Step {
	if !c.init && !p.beside(c) {
		return p.correctSteps(c, "Correct its postStart hook")
	}
	hook := c.Lifecycle.PostStart
	probe := p.probeOf(c)
	switch {
	case hook.HTTPGet != nil && !p.shut(c, hook.HTTPGet.Port.IntValue()):
		probe = newProbe{fields: software.NewHandler("httpGet", map[string]any{"port": hook.HTTPGet.Port, "path": hook.HTTPGet.Path})}
	case hook.Exec != nil && (probe.fields == nil || len(probe.words) > 0):
		probe = newProbe{fields: software.NewHandler("exec", map[string]any{"command": hook.Exec.Command})}
	}
	const replace = "Replace the hook with a startupProbe, which is retried, shows in events, and does not keep the container from being stopped"
	if !c.init {
		return p.moveWithProbe(replace+". Among regular containers a startupProbe orders nothing, so make "+c.Name+" a native sidecar as well", c, -1, probe)
	}
	fields := map[string]any{"lifecycle": map[string]any{"postStart": nil}}
	if c.StartupProbe != nil {
		probe = newProbe{}
	}
	return p.editWithProbe(replace, c, probe, fields)
}
