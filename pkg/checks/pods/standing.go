package pods

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A standing is where a pod stands in which no check has found anything: known to be well when it has neither
// progress nor trouble.
type standing struct {
	progress *pending
	// trouble is what is not as it should be, in one line; next is what to look at.
	trouble string
	next    checks.Step
}

// standing never takes a pod for well that is not known to be: what is neither proven to be well nor proven to be
// in progress is in trouble.
func (p subject) standing() standing {
	if p.well() {
		return standing{}
	}
	if text, next := p.wrong(); text != "" {
		return standing{trouble: text, next: next}
	}
	switch w := p.pending(); {
	case w == nil:
		return standing{trouble: p.unexplained(), next: p.describeStep()}
	case w.inProgress():
		return standing{progress: w}
	default:
		return standing{trouble: w.words(), next: w.next}
	}
}

// well reports whether a pod is known to be well: it has succeeded, its Job has in spite of it, or it is ready, and
// nothing else in its status contradicts that.
func (p subject) well() bool {
	return p.seemsWell() && !slices.ContainsFunc(p.all(), func(c container) bool { return p.unsettled(c) != nil || p.unsteady(c) != nil })
}

// seemsWell is well, but for a container that may be up only until it exits again, or ready until it is not anymore.
func (p subject) seemsWell() bool {
	switch {
	case p.deleting():
		return false
	case p.Status.Phase == corev1.PodSucceeded:
		return !p.stoppedEarly()
	case p.Status.Phase == corev1.PodFailed:
		return p.retried()
	case p.Status.Phase != corev1.PodRunning || !facts.PodReady(p.Pod) || p.nodeGone() || p.resizeFails() != "":
		return false
	}
	if c := facts.PodConditionOf(p.Pod, corev1.ContainersReady); c != nil && c.Status != corev1.ConditionTrue {
		return false
	}
	return !slices.ContainsFunc(p.all(), func(c container) bool {
		switch {
		case c.status == nil: // the condition is the kubelet's word
			return false
		case c.init && !c.sidecar():
			return !c.passed()
		}
		return !c.running() || !c.status.Ready || !started(c)
	})
}

// retried reports whether the pod's Job has succeeded after it failed.
func (p subject) retried() bool {
	if j := p.job(); j != nil {
		return facts.JobDone(j)
	}
	if !p.ofJob() {
		return false
	}
	return slices.ContainsFunc(p.s.siblings[p.OwnerReferences[0].UID], func(o *corev1.Pod) bool {
		return o.Namespace == p.Namespace && p.CreationTimestamp.Before(&o.CreationTimestamp) && o.Status.Phase == corev1.PodSucceeded
	})
}

// wrong is a state that no waiting cures, as far as is known; "" when there is none.
func (p subject) wrong() (text string, next checks.Step) {
	switch {
	case p.deleting():
		return p.wrongDeletion()
	case p.Status.Phase == corev1.PodFailed:
		if w := p.retrying(); w != nil && w.inProgress() {
			return "", next
		}
		return p.podFailure(), p.failureStep()
	case p.stoppedEarly():
		return "the pod counts as succeeded, though its containers are started again whenever they exit: its kubelet has stopped it, and nothing that was read says why", p.describeStep()
	case p.nodeGone():
		return fmt.Sprintf("the kubelet of node %s does not report: nothing that it last said of the pod is news", p.Spec.NodeName), p.describeStep()
	case p.Spec.NodeName == "" && len(p.Spec.SchedulingGates) > 0:
		return fmt.Sprintf("the pod is held back by scheduling gate %s, %s: whoever set it has to remove it", p.Spec.SchedulingGates[0].Name, p.born().words()), p.describeStep()
	}
	if text := p.resizeFails(); text != "" {
		return text, p.describeStep()
	}
	for _, c := range p.all() {
		if text := p.wrongState(c); text != "" {
			if c.ran() {
				return text, p.logStep(c)
			}
			return text, p.describeStep()
		}
	}
	return "", next
}

// wrongState is what is wrong with a container; "" when nothing is.
func (p subject) wrongState(c container) string {
	if text := cmp.Or(p.exitsAgain(c), p.flaps(c)); text != "" {
		return text
	}
	end := c.ended()
	switch {
	case c.waiting() != "" && !facts.StartingReason(c.waiting()):
		return p.wrongWait(c)
	case c.status == nil || c.status.State.Terminated == nil || p.stopping():
		return ""
	case p.over(c) && !c.sidecar() && end.ExitCode != 0:
		return fmt.Sprintf("%s has failed (%s), and %s does not start it again", c.role(), exit(end), p.policyOf(c))
	case p.meantToRun(c) && !p.restarting(c).inProgress():
		return fmt.Sprintf("%s exited %s (%s) and has not been started again", c.role(), ageOf(p.s.Snapshot, end.FinishedAt).ago(), exit(end))
	}
	return ""
}

// wrongWait is what is wrong with a container that waits for something else than its turn.
func (p subject) wrongWait(c container) string {
	end := c.ended()
	if end == nil {
		return fmt.Sprintf("%s: %s: %s", c.role(), c.waiting(), prose.Clause(c.status.State.Waiting.Message))
	}
	text := fmt.Sprintf("%s: %s, %s, %s", c.role(), c.waiting(), exit(end), prose.Counted(int(c.restarts()), "restart"))
	if !c.init && !c.failed() {
		text += fmt.Sprintf(": it exits with success, and %s has it started again", p.policyOf(c))
	}
	port, _ := p.takenPort(c)
	return text + p.portClause(c, port) + p.unreadyBeside(c)
}

// unreadyBeside names a sidecar that is not ready next to an application that does not run: which of the two is because of the
// other is not known.
func (p subject) unreadyBeside(c container) string {
	if down := p.downMain(); down == nil || down.Name != c.Name {
		return ""
	}
	for _, x := range p.all() {
		if p.unready(x) {
			text := fmt.Sprintf("; %s is not ready either, perhaps for that", x.role())
			if answers := p.readinessFailures(x); len(answers) > 0 {
				text += ": " + prose.Clause(answer(answers[0]))
			}
			return text
		}
	}
	return ""
}

// wrongDeletion is the state of a pod that takes long to terminate.
func (p subject) wrongDeletion() (text string, next checks.Step) {
	if ageOf(p.s.Snapshot, *p.DeletionTimestamp).atLeast(settle) {
		return p.pastGrace(), p.describeStep()
	}
	if text, next := p.oddUnsignaled(); text != "" {
		return text, next
	}
	left := p.leftSidecars()
	if len(left) == 0 || !p.deleted().atLeast(settle) {
		return "", next
	}
	if main := p.unendedMain(left); main != nil {
		return p.longGrace(*main, left[len(left)-1])
	}
	return "", next
}

// podFailure is how a pod failed, and that its Job makes no other in its place.
func (p subject) podFailure() string {
	text := p.howFailed()
	if index := p.givenUp(); index != "" {
		text += fmt.Sprintf("; its Job has given index %s up (status.failedIndexes: %s)", index, *p.job().Status.FailedIndexes)
	}
	if c := p.jobFailure(); c != nil {
		text += fmt.Sprintf("; its Job has failed for good (%s: %s)", c.Reason, prose.Clause(c.Message))
	}
	return text
}

// jobFailure is the condition that says that the pod's Job makes no more pods; nil when it has none.
func (p subject) jobFailure() *batchv1.JobCondition {
	if j := p.job(); j != nil {
		return facts.JobConditionOf(j, batchv1.JobFailed)
	}
	return nil
}

func (p subject) howFailed() string {
	if p.Status.Reason != "" {
		return strings.TrimSuffix(fmt.Sprintf("the pod failed: %s: %s", p.Status.Reason, prose.Clause(p.Status.Message)), ": ")
	}
	if c := p.culprit(); c != nil {
		text := fmt.Sprintf("the pod failed: %s: %s", c.role(), exit(c.ended()))
		if done := p.doneBefore(*c); len(done) > 0 {
			text += fmt.Sprintf(", after %s had succeeded: the exit code of a regular container counts, that of a native sidecar does not", containerNames(done))
		}
		return text
	}
	return "the pod failed, and its status does not say why"
}

// culprit is the container that made the pod fail; nil when its status does not tell.
func (p subject) culprit() *container {
	for _, c := range p.all() {
		if end := c.ended(); end != nil && !c.sidecar() && (end.ExitCode != 0 || end.Reason == oomKilled) {
			return &c
		}
	}
	return nil
}

// doneBefore are the other regular containers, all of which had succeeded before one that is there for them failed.
func (p subject) doneBefore(c container) []container {
	if !p.beside(c) {
		return nil
	}
	var out []container
	for _, x := range p.mains {
		if x.Name == c.Name {
			continue
		}
		if end := x.ended(); end == nil || end.ExitCode != 0 || end.FinishedAt.After(c.ended().FinishedAt.Time) {
			return nil
		}
		out = append(out, x)
	}
	return out
}

func (p subject) failureStep() checks.Step {
	if c := p.culprit(); c != nil && p.Status.Reason == "" {
		return p.logStep(*c)
	}
	return p.describeStep()
}

// unexplained is the state of a pod of which nothing says what it waits for.
func (p subject) unexplained() string {
	if p.Status.Phase == corev1.PodRunning && facts.PodReady(p.Pod) {
		return "the pod counts as ready, and the states of its containers contradict that"
	}
	return fmt.Sprintf("the pod is not ready (%s), and nothing that was read says what it waits for", prose.OrNone(string(p.Status.Phase)))
}
