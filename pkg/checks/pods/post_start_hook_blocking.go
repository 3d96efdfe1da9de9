package pods

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// The kubelet runs a postStart hook before it starts the next container, and while it runs the
// container still shows as waiting: that it has started only an event tells.
var postStartHookBlocking = podCheck(checks.Check{
	ID:    "post-start-hook-blocking",
	Title: "no postStart hook holds up the next container",
	Uses:  slices.Concat(witnessed, owned),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.finished() || p.deleting() {
		return nil, nil
	}
	for _, c := range p.all() {
		if c.Lifecycle == nil || c.Lifecycle.PostStart == nil || started(c) && c.waiting() == "" {
			continue
		}
		failures := p.eventsAbout(c, "FailedPostStartHook")
		starts := p.eventsAbout(c, "Started")
		failed := c.waiting() == "PostStartHookError" || len(failures) > 0 && !started(c)
		hangs := !failed && p.hanging(c) && len(starts) > 0 && ageOf(p.s.Snapshot, eventTime(starts[0])).atLeast(settle)
		if !failed && !hangs {
			if p.hanging(c) && p.born().atLeast(settle) && len(starts) == 0 && p.isNext(c) {
				return nil, p.noEvents("container " + c.Name + " has a postStart hook and has not started; only events would tell whether the hook hangs")
			}
			continue
		}
		state := "fails"
		if hangs {
			state = "has not returned, " + ageOf(p.s.Snapshot, eventTime(starts[0])).words()
		}
		f := &checks.Finding{
			Container: c.Name,
			Message:   fmt.Sprintf("the postStart hook of %s %s: the kubelet starts the next container only after it", c.role(), state),
			Evidence:  append([]string{fmt.Sprintf("postStart of %s: %s", c.Name, handler(c.Lifecycle.PostStart))}, waitingEvidence(c)...),
		}
		f.Evidence = append(f.Evidence, newest(p.s.Snapshot, slices.Concat(failures, starts), 2)...)
		f.Evidence = append(f.Evidence, p.ending(c)...)
		f.Fix = p.hookFix(c)
		return f, nil
	}
	return nil, nil
})

// hanging is a container that the kubelet is in the middle of starting.
func (p subject) hanging(c container) bool {
	return c.status != nil && c.ended() == nil && slices.Contains([]string{"PodInitializing", "ContainerCreating"}, c.waiting())
}

// isNext is whether all containers before c are through.
func (p subject) isNext(c container) bool {
	if blocker := p.blocker(); blocker != nil {
		return c.init && blocker.Name == c.Name
	}
	return !c.init
}

// hookFix replaces the hook by a startup probe that asks the same.
func (p subject) hookFix(c container) string {
	hook := c.Lifecycle.PostStart
	probe := map[string]any{"periodSeconds": 1, "failureThreshold": 60}
	lead := "Ask with a startupProbe instead: it is tried again, it shows in events, and it does not keep the container from being stopped."
	switch {
	case hook.HTTPGet != nil:
		get := map[string]any{"port": hook.HTTPGet.Port, "path": hook.HTTPGet.Path}
		probe["httpGet"] = get
	case len(portsOf(c.Container)) > 0:
		probe["tcpSocket"] = map[string]any{"port": portsOf(c.Container)[0]}
	case hook.Exec != nil:
		probe["exec"] = map[string]any{"command": hook.Exec.Command}
	}
	if !c.init {
		return lead + " Among regular containers it orders nothing: make " + c.Name + " a native sidecar as well.\n\n" + p.moveFix(c, -1, probe)
	}
	fields := map[string]any{"lifecycle": map[string]any{"postStart": nil}}
	if c.StartupProbe == nil {
		fields["startupProbe"] = probe
	}
	return lead + "\n\n" + indentOr(p.fixContainers(edit{c.Name, fields}), p.injected(c, softwareOf(c.Container)))
}
