package pods

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var sidecarCrashLooping = podCheck(checks.Check{
	ID:    "sidecar-crash-looping",
	Title: "no native sidecar ends again and again",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.finished() || p.deleting() {
		return nil, nil
	}
	for _, c := range p.sidecars() {
		end := c.ended()
		if slices.Contains(startErrors, c.waiting()) {
			return p.cannotStart(c), nil
		}
		if end == nil || !p.looping(c) {
			continue
		}
		verb := "crashes"
		if end.ExitCode == 0 {
			verb = "ends by itself, though a sidecar is meant to run on"
		}
		f := &checks.Finding{
			Container: c.Name,
			Message:   fmt.Sprintf("sidecar %s %s: %s, %s, the last end was %s%s", c.Name, verb, exit(end), prose.Counted(int(c.restarts()), "restart"), ageOf(p.s.Snapshot, end.FinishedAt).ago(), p.blocks(c)),
			Evidence:  append(waitingEvidence(c), p.ending(c)...),
			Fix:       "See what it says:\n\n" + prose.Indent(p.logsCommand(c)),
		}
		f.Evidence = append(f.Evidence, p.lastWords(c, 5)...)
		switch {
		case c.Lifecycle != nil && c.Lifecycle.PostStart != nil && (c.waiting() == "PostStartHookError" || len(p.eventsAbout(c, "FailedPostStartHook")) > 0):
			f.Because = append(f.Because, postStartHookBlocking.ID)
			f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.eventsAbout(c, "FailedPostStartHook"), 1)...)
		case end.Reason == oomKilled:
			f.Evidence = append(f.Evidence, memoryLimit(c))
			f.Fix = "Give it more memory, or let it use less (the value is an example):\n\n" + indentOr(p.fixContainers(edit{c.Name, map[string]any{"resources": map[string]any{"limits": map[string]string{"memory": "512Mi"}}}}), p.injected(c, softwareOf(c.Container))) + "\n\n" + f.Fix
		case p.killedByProbe(c):
			f.Because = append(f.Because, startupProbeFailing.ID)
		case len(p.probeEvents(c, "Liveness probe failed")) > 0:
			f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.probeEvents(c, "Liveness probe failed"), 1)...)
			f.Fix = "The kubelet stops it because its livenessProbe fails: correct the probe, or what it asks.\n\n" + f.Fix
		case end.ExitCode == 0 && p.hasServer():
			f.Because = append(f.Because, restartPolicyOnWrongContainer.ID)
		case end.ExitCode == 0:
			f.Fix = "If it is a job, it is an ordinary init container:\n\n" + indentOr(p.fixContainers(edit{c.Name, map[string]any{"restartPolicy": nil}}), p.injected(c, softwareOf(c.Container))) + "\n\n" + f.Fix
		}
		return f, nil
	}
	return nil, nil
})

// startErrors are the kubelet's reasons for a container that could not even be started: a command that
// is not there, a mount that is not allowed.
var startErrors = []string{"CreateContainerError", "RunContainerError", "StartError"}

func (p subject) cannotStart(c container) *checks.Finding {
	return &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("sidecar %s cannot be started (%s): %s%s", c.Name, c.waiting(), prose.Clause(c.status.State.Waiting.Message), p.blocks(c)),
		Evidence:  slices.Concat(waitingEvidence(c), p.ending(c), newest(p.s.Snapshot, p.eventsAbout(c, "Failed"), 1)),
		Fix:       "Correct its command, its mounts or its securityContext in the template, as the message says:\n\n" + prose.Indent(prose.Shell("kubectl edit %s %s -n %s", p.target().resource, p.target().Name, p.Namespace)),
	}
}

// looping is a sidecar that waits to be started again, or has been several times and not long ago.
func (p subject) looping(c container) bool {
	switch {
	case c.waiting() == "CrashLoopBackOff":
		return true
	case c.status.State.Terminated != nil:
		return c.restarts() > 0
	case c.running():
		const some = 3
		last := c.status.LastTerminationState.Terminated
		often := last != nil && c.restarts() >= some && ageOf(p.s.Snapshot, last.FinishedAt).below(recent)
		return often || p.overdue(c) && p.outOfMemory(c)
	}
	return false
}

func (p subject) hasServer() bool {
	c, _ := p.server()
	return c != nil
}

// blocks says what waits for a container.
func (p subject) blocks(c container) string {
	if blocker := p.blocker(); blocker != nil && blocker.Name == c.Name {
		return "; the containers after it wait"
	}
	return ""
}
