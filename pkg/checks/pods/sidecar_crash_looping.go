package pods

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var sidecarCrashLooping = podCheck(checks.Check{
	ID:    "sidecar-crash-looping",
	Title: "every sidecar keeps running",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Nodes, facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.stopping() {
		return nil, nil
	}
	var gaps []facts.Gap
	for _, c := range p.all() {
		if !p.beside(c) || p.restartedBy(c) != nil {
			continue
		}
		since, left := p.leftDown(c)
		switch {
		case left && since.atLeast(p.untilLeftDown(c)):
			return p.leftFinding(c, since), nil
		case slices.Contains(startErrors, c.waiting()), c.neverRan() && p.looping(c):
			return p.cannotStart(c), nil
		case c.ended() != nil && p.looping(c):
			return p.crashFinding(c), nil
		case left && since.untold(p.untilLeftDown(c)):
			gaps = p.noClock(c.Name + " has been down")
		}
	}
	return nil, gaps
})

func (p subject) crashFinding(c container) *checks.Finding {
	end, verb := c.ended(), "crashes"
	port, told := p.takenPort(c)
	if end.ExitCode == 0 {
		verb = "exits, though a sidecar is meant to keep running"
	}
	f := &checks.Finding{
		Container: c.Name,
		Message: fmt.Sprintf("%s %s: %s, %s, last exit %s%s", c.title(), verb, exit(end), prose.Counted(int(c.restarts()), "restart"),
			ageOf(p.s.Snapshot, end.FinishedAt).ago(), p.blocks(c)+p.portClause(c, port)),
		Evidence: slices.Concat(waitingEvidence(c), p.ending(c), p.lastWords(c, 5)),
		Steps:    []checks.Step{p.logStep(c)},
	}
	if port > 0 {
		f.Evidence = prose.AddOnce(f.Evidence, told)
		f.Steps = append([]checks.Step{{Text: fmt.Sprintf("Give %s another port than %d, or what has it now.", c.Name, port)}}, f.Steps...)
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
	{func(p subject, c container) bool {
		return c.sidecar() && p.holds(c) && p.tooEarly(c) && p.needsLater(c)
	}, func(_ subject, _ container, f *checks.Finding) {
		f.Because = []string{initContainerBeforeSidecar.ID}
	}},
	{hookFailed, func(p subject, c container, f *checks.Finding) {
		f.Because = []string{postStartHookBlocking.ID}
		f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.eventsAbout(c, "FailedPostStartHook"), 1)...)
	}},
	{func(_ subject, c container) bool { return c.ended().Reason == oomKilled }, func(p subject, c container, f *checks.Finding) {
		f.Evidence = append(f.Evidence, memoryLimit(c))
		f.Steps = p.memorySteps(c)
	}},
	{func(p subject, c container) bool { return c.sidecar() && p.killedByProbe(c) }, func(_ subject, _ container, f *checks.Finding) {
		f.Because = []string{startupProbeFailing.ID}
	}},
	{subject.killedByLiveness, subject.tellLiveness},
	{func(_ subject, c container) bool { return c.stopped() && c.LivenessProbe != nil }, func(p subject, c container, f *checks.Finding) {
		f.Evidence = append(f.Evidence, fmt.Sprintf("livenessProbe of %s: %s, %s; no event is left that tells whether the kubelet stopped it",
			c.Name, probeText(c.Container, c.LivenessProbe), pace(c.LivenessProbe)))
	}},
	{func(p subject, c container) bool { return c.sidecar() && c.ended().ExitCode == 0 && p.hasServer() }, func(_ subject, _ container, f *checks.Finding) {
		f.Because = []string{restartPolicyOnWrongContainer.ID}
	}},
	{func(_ subject, c container) bool { return c.ended().ExitCode == 0 }, func(p subject, c container, f *checks.Finding) {
		f.Steps = append(p.jobSteps(c), f.Steps...)
	}},
}

// tellLiveness: the kubelet stops it, so its exit code says nothing.
func (p subject) tellLiveness(c container, f *checks.Finding) {
	got := ""
	if text := p.livenessAnswer(c); text != "" {
		got = " and gets: " + prose.Clause(text)
	}
	f.Message = fmt.Sprintf("%s is restarted again and again because its liveness probe fails: it asks %s%s (%s, %s)%s", c.title(),
		probeText(c.Container, c.LivenessProbe), got, prose.Counted(int(c.restarts()), "restart"), exit(c.ended()), p.blocks(c))
	f.Evidence = append(f.Evidence, p.livenessEvidence(c)...)
	f.Steps = p.livenessSteps(c)
}

// jobSteps are for what exits with success and is always started again.
func (p subject) jobSteps(c container) []checks.Step {
	if !c.init {
		return []checks.Step{{Text: "If it is meant to exit, it is no regular container: make it an init container, or a Job of its own."}}
	}
	return p.editSteps("If it runs to completion, make it a plain init container", c, edit{c.Name, map[string]any{"restartPolicy": nil}})
}

// hookFailed reports whether the container is stopped because its postStart hook fails.
func hookFailed(p subject, c container) bool {
	return c.Lifecycle != nil && c.Lifecycle.PostStart != nil &&
		(c.waiting() == "PostStartHookError" || len(p.eventsAbout(c, "FailedPostStartHook")) > 0)
}

// stopped reports whether the last exit of a container looks as if somebody had asked it to: with success, or by the
// signals that the kubelet sends.
func (c container) stopped() bool {
	return slices.Contains([]int32{0, 137, 143}, c.ended().ExitCode) && c.ended().Reason != oomKilled
}

// startErrors are the kubelet's reasons for a container that could not even be started: a command that
// is not there, a mount that is not allowed.
var startErrors = []string{"CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun"}

// neverRan reports whether the last try of a container ended before its program ran.
func (c container) neverRan() bool {
	return c.ended() != nil && slices.Contains(neverRan, c.ended().Reason)
}

// smallMemory is what runc says where the memory limit is too small for its own part in the start of a container.
var smallMemory = regexp.MustCompile(`(?i)OOM-killed|memory limit too low`)

// runtimeStuck is what runtimes say of a try that an earlier one, which has not come to its end, keeps from succeeding.
var runtimeStuck = regexp.MustCompile(`is reserved for "|is already in use by|context deadline exceeded|DeadlineExceeded`)

func (p subject) cannotStart(c container) *checks.Finding {
	reason, why := c.startError()
	f := &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("%s cannot be started (%s): %s%s", c.title(), reason, prose.Clause(why), p.blocks(c)),
		Evidence:  slices.Concat(waitingEvidence(c), p.ending(c), newest(p.s.Snapshot, p.eventsAbout(c, "Failed"), 1)),
		Steps:     p.startSteps(c, why),
	}
	if smallMemory.MatchString(why) {
		f.Evidence = append(f.Evidence, memoryLimit(c))
	}
	if profile := missingProfile(why); profile != "" {
		f.Message = fmt.Sprintf("%s cannot be started (%s): node %s does not have seccomp profile %s%s", c.title(), reason, p.Spec.NodeName, profile, p.blocks(c))
		f.Evidence = append(f.Evidence, p.profileEvidence(c)...)
	}
	return f
}

// startError is why a container could not be started: what it waits for says so, or how its last try ended.
func (c container) startError() (reason, why string) {
	if slices.Contains(startErrors, c.waiting()) {
		return c.waiting(), c.status.State.Waiting.Message
	}
	return c.ended().Reason, c.ended().Message
}

func (p subject) startSteps(c container, why string) []checks.Step {
	if smallMemory.MatchString(why) {
		return p.memorySteps(c)
	}
	if steps := p.profileSteps(c, why); steps != nil {
		return steps
	}
	if runtimeStuck.MatchString(why) {
		return []checks.Step{
			p.nodeStep("Nothing is wrong with the container: the runtime of the node has not finished an earlier try to create it, because it, its disk or a mount hangs. See how the node is:"),
			p.recreateStep("If it stays so, restart the runtime there (systemctl restart containerd), or recreate the pod"),
		}
	}
	return p.correctSteps(c, "Correct its command, its mounts or its securityContext")
}

// correctSteps have the template of a container corrected as a message says.
func (p subject) correctSteps(c container, correct string) []checks.Step {
	m := p.target()
	switch {
	case p.static():
		return []checks.Step{textStep(correct+", as the message says", p.inManifest())}
	case p.injected(c.Name):
		return append([]checks.Step{{Text: correct + ", as the message says."}}, p.injectorSteps(c)...)
	case m.Kind == "Job":
		return []checks.Step{{Text: fmt.Sprintf("%s in the manifest, as the message says, delete Job %s and create it again: its template cannot be changed, and its work runs again from the start.", correct, m.Name)}}
	case m.Kind == "Pod":
		return []checks.Step{{Text: fmt.Sprintf("%s in the manifest, as the message says, delete pod %s%s and create it again: its containers cannot be changed.", correct, m.Name, p.lost())}}
	}
	edit := prose.Shell("kubectl edit %s %s -n %s", m.resource, m.Name, p.Namespace)
	return []checks.Step{p.changeStep(correct+" in the template, as the message says", strings.Join(append([]string{edit}, p.delivery(m)...), "\n"))}
}

// looping reports whether a sidecar waits to be restarted, or has been several times and not long ago.
func (p subject) looping(c container) bool {
	switch {
	case c.waiting() == "CrashLoopBackOff":
		return true
	case c.status == nil:
		return false
	case c.status.State.Terminated != nil:
		return c.restarts() > 0 && (c.init || p.restartsAfter(c, c.status.State.Terminated.ExitCode))
	case c.running():
		return p.often(c) || p.overdue(c) && p.outOfMemory(c)
	}
	return false
}

// often reports whether a container that runs has been restarted several times, and not long ago. Tries to start are none
// of these once it has started. The trouble of one
// that is not ready is not over, however long after the newest time in it a file was taken.
func (p subject) often(c container) bool {
	last := c.status.LastTerminationState.Terminated
	if last == nil || c.restarts() < someRestarts || p.slowStart(c) {
		return false
	}
	since := ageOf(p.s.Snapshot, last.FinishedAt)
	return since.below(recent) || c.running() && p.startedAt(c).below(p.cycle(c)) || !c.status.Ready && since.known && since.since < recent
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
