package pods

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// From 1.29 on the kubelet stops sidecars after the regular containers, in reverse order, within the
// pod's one grace period. deletionTimestamp is the end of that period, not its beginning. While a pod
// terminates the kubelet does not always update the status of its containers, so "running" there says
// little; that a regular container has exited shows in its readiness probe as well.
var sidecarBlocksTermination = podCheck(checks.Check{
	ID:    "sidecar-blocks-termination",
	Title: "sidecars let deleted pods terminate",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Nodes}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if !p.deleting() || p.nodeGone() {
		return nil, nil
	}
	left := p.leftSidecars()
	if len(left) == 0 || p.unendedMain(left) != nil {
		return nil, nil // the regular containers are asked to exit first
	}
	u := p.unsignaled()
	switch v := p.kubeletVersion(); {
	case u == nil:
	case v == nil && !p.deleted().below(quickly):
		return nil, []facts.Gap{p.unsignaledGap(*u)}
	case v != nil && bugByRef(unsignaledRef).In(v):
		return nil, nil // no signal was sent: known-kubelet-bug
	}
	alone := ageOf(p.s.Snapshot, p.lastMainEnd(p.deleted().at))
	switch {
	case alone.atLeast(settle), ageOf(p.s.Snapshot, *p.DeletionTimestamp).atLeast(settle):
		return p.blockedFinding(left), nil
	case alone.untold(settle):
		return nil, p.noClock("the pod has been terminating")
	}
	return nil, nil
})

func (p subject) blockedFinding(left []container) *checks.Finding {
	c := left[len(left)-1] // the first to be stopped
	hook := c.Lifecycle != nil && c.Lifecycle.PreStop != nil
	why := "does not exit on SIGTERM"
	if hook {
		why = "its preStop hook does not return, or the program does not exit on SIGTERM"
	}
	f := &checks.Finding{
		Container: c.Name,
		Message: fmt.Sprintf("the pod was deleted %s and does not terminate: %s still runs, and %s (the grace period is %ds)",
			p.deleted().ago(), c.role(), why, p.grace()),
		Evidence: []string{
			p.deadline(),
			fmt.Sprintf("status of %s: running %s", c.Name, p.startedAt(c).words()),
		},
		Steps: p.terminationSteps(hook),
	}
	for _, m := range p.mains {
		if !slices.ContainsFunc(left, func(x container) bool { return x.Name == m.Name }) {
			f.Evidence = append(f.Evidence, p.endEvidence(m)...)
		}
	}
	if p.unsignaled() != nil && p.node != nil {
		f.Evidence = append(f.Evidence, fmt.Sprintf("node %s: %s: it stops sidecars of pods that have not initialized (%s is not in it)", p.node.Name, p.node.VersionEvidence(), unsignaledIssue))
	}
	f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.eventsAbout(c, "Killing", "FailedPreStopHook", "FailedKillPod"), 2)...)
	if hook {
		f.Evidence = append(f.Evidence, fmt.Sprintf("preStop of %s: %s", c.Name, software.Handler(c.Lifecycle.PreStop)))
	}
	if line := software.CommandLine(c.Container); line != "" {
		f.Evidence = append(f.Evidence, "command of "+c.Name+": "+prose.OneLine(line))
	}
	return f
}

// terminationSteps are for a sidecar that does not stop; hook is that it has a preStop hook.
func (p subject) terminationSteps(hook bool) []checks.Step {
	var out []checks.Step
	if hook {
		out = append(out, checks.Step{Text: "Make the preStop hook return: it runs before the program gets SIGTERM, and uses up the same grace period."})
	}
	out = append(out,
		checks.Step{Text: "Make the program exit on SIGTERM. A shell as the first process does not forward the signal: start the program with exec. " +
			"A program that is process 1 must handle the signal itself."},
		p.forceStep())
	if m := p.target(); seconds(p.grace()) > longGracePeriod && m.meta != nil {
		patch := encode(nest(m.path, map[string]any{"terminationGracePeriodSeconds": 30}))
		out = append(out, p.changeStep("A shorter grace period makes the next pod terminate sooner (the value is an example)", p.command(m, "strategic", patch)))
	}
	return out
}

// forceStep removes the pod from the API. A shorter grace period would not help: the kubelet does not cancel what it has
// begun with the longer one (pkg/kubelet/kubelet.go, SyncTerminatingPod).
func (p subject) forceStep() checks.Step {
	return checks.Step{
		Text: "To force-delete the pod now. This only removes it from the API, and its processes run on until the grace period is over: " +
			"do not do it where another pod must not run beside them, as in a StatefulSet or with a volume for one writer:",
		Command: p.forceDelete(),
	}
}

// leftSidecars are the sidecars, native or known, that run according to the pod's status.
func (p subject) leftSidecars() []container {
	return slices.DeleteFunc(p.all(), func(c container) bool {
		return !c.running() || !c.sidecar() && (c.init || software.Of(c.Container) == nil)
	})
}

// unendedMain is a regular container, other than the sidecars, that may still run; nil when all are
// known to have exited.
func (p subject) unendedMain(sidecars []container) *container {
	for i, c := range p.mains {
		if c.running() && !slices.ContainsFunc(sidecars, func(x container) bool { return x.Name == c.Name }) && len(p.refuses(c)) == 0 {
			return &p.mains[i]
		}
	}
	return nil
}

// refuses are readiness probes after the deletion that nobody answered anymore.
func (p subject) refuses(c container) []corev1.Event {
	asked := p.deleted().at
	return slices.DeleteFunc(p.probeEvents(c, "Readiness probe failed"), func(e corev1.Event) bool {
		return !refusedWord.MatchString(e.Message) || !eventTime(e).After(asked.Time)
	})
}

func (p subject) endEvidence(c container) []string {
	if c.running() {
		return newest(p.s.Snapshot, p.refuses(c), 1)
	}
	return p.ending(c)
}

// grace is in seconds.
func (p subject) grace() int64 {
	return ptr.Deref(p.DeletionGracePeriodSeconds, 30) // the API's default
}

// ownGrace is the grace period that the pod has for itself, in seconds.
func (p subject) ownGrace() int64 {
	return ptr.Deref(p.Spec.TerminationGracePeriodSeconds, 30) // the API's default
}

// deleted is when somebody deleted the pod.
func (p subject) deleted() age {
	return ageOf(p.s.Snapshot, metav1.NewTime(p.DeletionTimestamp.Add(-seconds(p.grace()))))
}

// lastMainEnd is from when on only sidecars ran: the end of the last regular container, and not
// before the deletion.
func (p subject) lastMainEnd(asked metav1.Time) metav1.Time {
	out := asked
	for _, c := range p.mains {
		if end := c.ended(); end != nil {
			out = later(out, end.FinishedAt)
		}
	}
	return out
}

// deadline is when the grace period is over, as evidence.
func (p subject) deadline() string {
	return fmt.Sprintf("metadata.deletionTimestamp: %s (%s), deletionGracePeriodSeconds: %d",
		p.DeletionTimestamp.UTC().Format(time.RFC3339), side(ageOf(p.s.Snapshot, *p.DeletionTimestamp)), p.grace())
}

func side(deadline age) string {
	if deadline.since > 0 {
		return "over " + deadline.ago()
	}
	return "not over yet"
}
