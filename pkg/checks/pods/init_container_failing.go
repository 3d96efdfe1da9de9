package pods

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
		f.Message += "; the pod waits for it"
		if !p.tellRefused(*c, f) {
			f.Message += ", and no sidecar is to blame"
		}
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
	return later != nil || !c.sidecar() && p.captured(c) != nil
}

// tellRefused says that a port of the pod itself was refused on which a sidecar that runs by then may be meant to listen;
// false where nothing says that.
func (p subject) tellRefused(c container, f *checks.Finding) bool {
	var before []container
	for _, x := range p.sidecars() {
		if x.running() && x.status.State.Running.StartedAt.Before(&metav1.Time{Time: p.lastTry(c)}) {
			before = append(before, x)
		}
	}
	port, line := p.refused(c)
	if port == 0 || len(before) == 0 {
		return false
	}
	f.Message += fmt.Sprintf(": nobody listened on port %d of the pod then, and %s, which comes before it, may be meant to", port, rolesOf(before))
	f.Evidence = prose.AddOnce(f.Evidence, line)
	for _, x := range before {
		f.Steps = append(f.Steps, checks.Step{Text: fmt.Sprintf("See whether %s is meant to listen there, and does:", x.Name), Command: p.logsCommand(x)})
		if x.StartupProbe == nil {
			f.Steps = append(f.Steps, checks.Step{Text: fmt.Sprintf("%s has no startupProbe: what comes after it is started as soon as it runs, not when it listens.", x.Name)})
		}
	}
	return true
}

// lastTry is when a container last began to run.
func (p subject) lastTry(c container) time.Time {
	if c.running() {
		return c.status.State.Running.StartedAt.Time
	}
	return begun(c.ended())
}

// refused is the port of the pod itself on which a container says that nobody listened, with its words; 0 when it does not.
func (p subject) refused(c container) (port int, line string) {
	lines := p.logs(c)
	if end := c.ended(); end != nil && end.Message != "" {
		lines = append(slices.Clone(lines), strings.Split(end.Message, "\n")...)
	}
	for _, l := range slices.Backward(lines) {
		if port := refusedPort(l); port > 0 {
			return port, "it says: " + prose.OneLine(l)
		}
	}
	return 0, ""
}

func rolesOf(list []container) string {
	var out []string
	for _, c := range list {
		out = append(out, c.role())
	}
	return strings.Join(out, " or ")
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
