package pods

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

var initContainerFailing = podCheck(checks.Check{
	ID:    "init-container-failing",
	Title: "every init container succeeds",
	Uses:  slices.Concat(timed, owned, []facts.Kind{facts.Nodes, facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	c := p.blocked()
	if c == nil || c.sidecar() || c.running() && !p.failsAgain(*c) || !c.failed() && !p.cannotWork(*c) {
		return nil, nil
	}
	f := &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("init container %s fails: %s", c.Name, p.failure(*c)),
		Evidence:  slices.Concat(p.ending(*c), p.lastWords(*c, 5)),
		Steps:     []checks.Step{p.logStep(*c)},
	}
	if !c.failed() {
		f.Evidence = waitingEvidence(*c)
	}
	fit := p.misfit(*c)
	switch {
	case fit != nil:
		f.Message += ": " + fit.why
		f.Evidence = append(f.Evidence, fit.evidence...)
		f.Steps = fit.steps
	case slices.Contains(startErrors, c.waiting()), c.neverRan():
		_, why := c.startError()
		f.Steps = p.startSteps(*c, why)
	case c.ended().Reason == oomKilled:
		f.Evidence = append(f.Evidence, memoryLimit(*c))
		f.Steps = p.memorySteps(*c)
	}
	if c.quietlyFailed() {
		p.tellQuietFailure(f)
	}
	switch {
	case p.needsLater(*c):
		f.Because = []string{initContainerBeforeSidecar.ID}
	case fit != nil:
		f.Message += "; the pod waits for it"
	default:
		f.Message += "; the pod waits for it, and no sidecar is to blame"
	}
	return f, nil
})

// cannotWork reports whether an init container has not even run, and will not: it cannot be started, or cannot work
// where it is.
func (p subject) cannotWork(c container) bool {
	stuck := c.waiting() != "" && !facts.StartingReason(c.waiting())
	return slices.Contains(startErrors, c.waiting()) || stuck && p.misfit(c) != nil
}

// failure is how an init container fails, in a few words.
func (p subject) failure(c container) string {
	switch {
	case slices.Contains(startErrors, c.waiting()), c.neverRan():
		reason, why := c.startError()
		return fmt.Sprintf("it cannot be started (%s): %s", reason, prose.Clause(why))
	case c.ended() == nil:
		return c.waiting()
	}
	out := fmt.Sprintf("%s, %s", c.exited(), prose.Counted(int(c.restarts()), "restart"))
	if c.running() {
		out += ", and it has been running again " + p.startedAt(c).words()
	}
	return out
}

// failsAgain reports whether an init container runs that has failed several times, or cannot succeed where it is, and
// a short while ago: until it has run for longer than it usually takes to fail, that is no progress.
func (p subject) failsAgain(c container) bool {
	if !c.running() || !c.failed() || !ageOf(p.s.Snapshot, c.ended().FinishedAt).below(recent) {
		return false
	}
	if c.restarts() < someRestarts && p.misfit(c) == nil {
		return false
	}
	usually := settle
	if begin := begun(c.ended()); !begin.IsZero() && len(software.Signs(c.Container)) == 0 {
		usually = max(settle, c.ended().FinishedAt.Sub(begin)+rounding)
	}
	return p.startedAt(c).below(usually)
}

// needsLater reports whether an init container cannot succeed before a container has started that starts after it.
func (p subject) needsLater(c container) bool {
	if !c.failed() {
		return false
	}
	later, _, _ := p.needs(c)
	return later != nil || p.captured(c) != nil
}

// tellQuietFailure explains an init container that failed although its exit code is 0, and a pod that looks
// initialized and does not go on.
func (p subject) tellQuietFailure(f *checks.Finding) {
	f.Message += "; the kubelet counts that as failed in spite of the exit code"
	if c := facts.PodConditionOf(p.Pod, corev1.PodInitialized); c != nil && c.Status == corev1.ConditionTrue {
		f.Evidence = append(f.Evidence, "condition Initialized: True, which goes by the exit code")
	}
	if p.Spec.RestartPolicy != corev1.RestartPolicyNever {
		return
	}
	f.Message += ", and with restartPolicy Never neither runs it again nor fails the pod"
	f.Evidence = append(f.Evidence, "spec.restartPolicy: Never")
	if kind := p.target().Kind; kind != "Pod" && kind != "Job" { // whose new limit comes with a new pod
		f.Steps = append(f.Steps, p.recreateStep("Then recreate the pod: the kubelet does not run the init container again"))
	}
}
