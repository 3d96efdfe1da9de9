package pods

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var sidecarCrashLooping = podCheck(checks.Check{
	ID:    "sidecar-crash-looping",
	Title: "no native sidecar is crash-looping",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.stopping() {
		return nil, nil
	}
	for _, c := range p.sidecars() {
		switch {
		case slices.Contains(startErrors, c.waiting()):
			return p.cannotStart(c), nil
		case c.ended() != nil && p.looping(c):
			return p.crashFinding(c), nil
		}
	}
	return nil, nil
})

func (p subject) crashFinding(c container) *checks.Finding {
	end, verb := c.ended(), "crashes"
	if end.ExitCode == 0 {
		verb = "exits, though a sidecar is meant to keep running"
	}
	f := &checks.Finding{
		Container: c.Name,
		Message: fmt.Sprintf("sidecar %s %s: %s, %s, last exit %s%s", c.Name, verb, exit(end), prose.Counted(int(c.restarts()), "restart"),
			ageOf(p.s.Snapshot, end.FinishedAt).ago(), p.blocks(c)),
		Evidence: slices.Concat(waitingEvidence(c), p.ending(c), p.lastWords(c, 5)),
		Steps:    []checks.Step{p.logStep(c)},
	}
	for _, cause := range crashCauses {
		if cause.is(p, c) {
			cause.tell(p, c, f)
			break
		}
	}
	return f
}

// crashCauses are why a sidecar exits again and again, where more is known than its exit code; the first that fits
// counts.
var crashCauses = []struct {
	is   func(p subject, c container) bool
	tell func(p subject, c container, f *checks.Finding)
}{
	{hookFailed, func(p subject, c container, f *checks.Finding) {
		f.Because = []string{postStartHookBlocking.ID}
		f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.eventsAbout(c, "FailedPostStartHook"), 1)...)
	}},
	{func(_ subject, c container) bool { return c.ended().Reason == oomKilled }, func(p subject, c container, f *checks.Finding) {
		f.Evidence = append(f.Evidence, memoryLimit(c))
		f.Steps = p.memorySteps(c)
	}},
	{subject.killedByProbe, func(_ subject, _ container, f *checks.Finding) {
		f.Because = []string{startupProbeFailing.ID}
	}},
	{func(p subject, c container) bool { return len(p.livenessFailures(c)) > 0 }, func(p subject, c container, f *checks.Finding) {
		f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.livenessFailures(c), 1)...)
		f.Steps = append([]checks.Step{{Text: "Correct the livenessProbe, or what it asks: the kubelet stops the sidecar because the probe fails."}}, f.Steps...)
	}},
	{func(p subject, c container) bool { return c.ended().ExitCode == 0 && p.hasServer() }, func(_ subject, _ container, f *checks.Finding) {
		f.Because = []string{restartPolicyOnWrongContainer.ID}
	}},
	{func(_ subject, c container) bool { return c.ended().ExitCode == 0 }, func(p subject, c container, f *checks.Finding) {
		plain := edit{c.Name, map[string]any{"restartPolicy": nil}}
		f.Steps = append(p.editSteps("If it runs to completion, make it a plain init container", c, plain), f.Steps...)
	}},
}

// hookFailed reports whether the container is stopped because its postStart hook fails.
func hookFailed(p subject, c container) bool {
	return c.Lifecycle != nil && c.Lifecycle.PostStart != nil &&
		(c.waiting() == "PostStartHookError" || len(p.eventsAbout(c, "FailedPostStartHook")) > 0)
}

func (p subject) livenessFailures(c container) []corev1.Event {
	return p.probeEvents(c, "Liveness probe failed")
}

// startErrors are the kubelet's reasons for a container that could not even be started: a command that
// is not there, a mount that is not allowed.
var startErrors = []string{"CreateContainerError", "RunContainerError", "StartError"}

func (p subject) cannotStart(c container) *checks.Finding {
	return &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("sidecar %s cannot be started (%s): %s%s", c.Name, c.waiting(), prose.Clause(c.status.State.Waiting.Message), p.blocks(c)),
		Evidence:  slices.Concat(waitingEvidence(c), p.ending(c), newest(p.s.Snapshot, p.eventsAbout(c, "Failed"), 1)),
		Steps: []checks.Step{{
			Text:    "Correct its command, its mounts or its securityContext in the template, as the message says:",
			Command: prose.Shell("kubectl edit %s %s -n %s", p.target().resource, p.target().Name, p.Namespace),
		}},
	}
}

// looping reports whether a sidecar waits to be restarted, or has been several times and not long ago.
func (p subject) looping(c container) bool {
	switch {
	case c.waiting() == "CrashLoopBackOff":
		return true
	case c.status.State.Terminated != nil:
		return c.restarts() > 0
	case c.running():
		last := c.status.LastTerminationState.Terminated
		often := last != nil && c.restarts() >= someRestarts && ageOf(p.s.Snapshot, last.FinishedAt).below(recent)
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
