package pods

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// unsettled: a sidecar or a regular container runs again, and has not outlived the run before. What exits again and
// again is ready for a moment after each start. nil when it has, or has never been restarted.
func (p subject) unsettled(c container) *pending {
	if !c.running() || c.init && !c.sidecar() || p.stopping() {
		return nil
	}
	last := c.status.LastTerminationState.Terminated
	if last == nil {
		return nil
	}
	w := &pending{
		wait: WaitRestart, container: c.Name, since: p.startedAt(c), allowed: max(outlived(last), p.cycle(c)), limit: "it has outlived its runs before after %s", next: p.logStep(c),
		state: fmt.Sprintf("%s runs again after it exited (%s, %s)", c.role(), exit(last), prose.Counted(int(c.restarts()), "restart")),
	}
	if w.since.atLeast(w.allowed) {
		return nil
	}
	return w
}

// outlived is after which time a run has lasted longer than the one before it. A run that lasted for long did not end
// because of how the container starts.
func outlived(last *corev1.ContainerStateTerminated) time.Duration {
	begin := begun(last)
	if begin.IsZero() {
		return quickly
	}
	if lasted := last.FinishedAt.Sub(begin) + rounding; lasted > quickly && lasted <= hangTime {
		return lasted
	}
	return quickly
}

// cycle is for how long a container has to run that has been restarted frequently for as long as there is the pod: twice as
// long as it usually does. 0 for any other. What exited often for a while, and runs since, soon has run for longer. A few
// restarts are frequent where the pod is young.
func (p subject) cycle(c container) time.Duration {
	last, restarts := c.status.LastTerminationState.Terminated, time.Duration(c.restarts())
	if last == nil || restarts < someRestarts {
		return 0
	}
	every := last.FinishedAt.Sub(p.CreationTimestamp.Time) / restarts
	if every <= 0 || every > frequently || restarts < manyRestarts && every > hangTime {
		return 0
	}
	if begin := begun(last); !begin.IsZero() {
		every = max(every, min(last.FinishedAt.Sub(begin), frequently))
	}
	return 2 * every
}

// exitsAgain is what is wrong with a container that has exited several times lately and runs just now; "" when that is
// not so.
func (p subject) exitsAgain(c container) string {
	w := p.unsettled(c)
	if w == nil || !p.often(c) || p.restartedBy(c) != nil {
		return ""
	}
	text := fmt.Sprintf("%s exits again and again (%s, %s): it is up %s", c.role(),
		exit(c.ended()), prose.Counted(int(c.restarts()), "restart"), w.since.words())
	if c.restartsAll() {
		text += "; its restartPolicyRules have all containers of the pod restarted for that"
	}
	return text
}
