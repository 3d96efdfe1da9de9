package pods

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// From 1.29 on the kubelet stops sidecars after the regular containers, in reverse order, within the
// pod's one grace period. deletionTimestamp is the end of that period, not its beginning. While a pod
// ends the kubelet does not always update the status of its containers, so that "running" there says
// little; that a regular container has ended shows in its readiness probe as well.
var sidecarBlocksTermination = podCheck(checks.Check{
	ID:    "sidecar-blocks-termination",
	Title: "no sidecar keeps a deleted pod from ending",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Nodes}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if !p.deleting() || p.nodeGone() {
		return nil, nil
	}
	left := p.leftSidecars()
	if len(left) == 0 || p.unendedMain(left) != nil {
		return nil, nil // the regular containers are asked to end first
	}
	asked, deadline := p.deleted(), ageOf(p.s.Snapshot, *p.DeletionTimestamp)
	alone := ageOf(p.s.Snapshot, p.lastMainEnd(asked.at))
	switch {
	case alone.atLeast(settle), deadline.atLeast(settle):
	case alone.untold(settle):
		return nil, p.noClock("the pod has been ending")
	default:
		return nil, nil
	}
	c := left[len(left)-1] // the first to be stopped
	f := &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("the pod was deleted %s and does not end: %s still runs, and does not end at SIGTERM (the grace period is %d s)", asked.ago(), c.role(), p.grace()),
		Evidence: []string{
			fmt.Sprintf("metadata.deletionTimestamp: %s (%s), deletionGracePeriodSeconds: %d", p.DeletionTimestamp.UTC().Format(time.RFC3339), side(deadline), p.grace()),
			fmt.Sprintf("status of %s: running %s", c.Name, p.startedAt(c).words()),
		},
	}
	for _, m := range p.mains {
		if !slices.ContainsFunc(left, func(x container) bool { return x.Name == m.Name }) {
			f.Evidence = append(f.Evidence, p.endEvidence(m)...)
		}
	}
	f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.eventsAbout(c, "Killing", "FailedPreStopHook", "FailedKillPod"), 2)...)
	f.Fix = "Let the program end at SIGTERM: a shell as the first process does not pass it on (start the program with exec), and a program as process 1 must handle it itself."
	if c.Lifecycle != nil && c.Lifecycle.PreStop != nil {
		f.Message = fmt.Sprintf("the pod was deleted %s and does not end: %s still runs, and its preStop hook or the program itself does not end (the grace period is %d s)", asked.ago(), c.role(), p.grace())
		f.Evidence = append(f.Evidence, fmt.Sprintf("preStop of %s: %s", c.Name, handler(c.Lifecycle.PreStop)))
		f.Fix = "Let the preStop hook return: it runs before the program is asked to end, and uses up the same grace period. " + f.Fix
	}
	if line := commandLine(c.Container); line != "" {
		f.Evidence = append(f.Evidence, "command of "+c.Name+": "+prose.OneLine(line))
	}
	f.Fix += " To be rid of this pod now:\n\n" + prose.Indent(prose.Shell("kubectl delete pod %s -n %s --grace-period=1", p.Name, p.Namespace))
	if p.grace() > 60 && p.target().meta != nil {
		f.Fix += "\n\nA shorter grace period ends the next one sooner (the value is an example):\n\n" +
			prose.Indent(p.command(p.target(), "strategic", encode(nest(p.target().path, map[string]any{"terminationGracePeriodSeconds": 30}))))
	}
	return f, nil
})

// leftSidecars are the sidecars, native or known, that run according to the pod's status.
func (p subject) leftSidecars() []container {
	return slices.DeleteFunc(p.all(), func(c container) bool {
		return !c.running() || !c.sidecar() && (c.init || softwareOf(c.Container) == nil)
	})
}

// unendedMain is a regular container, other than the sidecars, that may still run; nil when all are
// known to have ended.
func (p subject) unendedMain(sidecars []container) *container {
	for i, c := range p.mains {
		if c.running() && !slices.ContainsFunc(sidecars, func(x container) bool { return x.Name == c.Name }) && len(p.refuses(c)) == 0 {
			return &p.mains[i]
		}
	}
	return nil
}

// refuses are readiness probes after the deletion that nobody answered any more.
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

// nodeGone is whether the node's kubelet does not answer: then nothing that it last said is news.
func (p subject) nodeGone() bool {
	if p.node == nil {
		return false
	}
	ready := facts.NodeReady(p.node.Node)
	return ready != nil && ready.Status != corev1.ConditionTrue
}

func (p subject) grace() int64 {
	if p.DeletionGracePeriodSeconds == nil {
		return 30 // the API's default
	}
	return *p.DeletionGracePeriodSeconds
}

// deleted is when somebody asked for the pod to end.
func (p subject) deleted() age {
	return ageOf(p.s.Snapshot, metav1.NewTime(p.DeletionTimestamp.Add(-time.Duration(p.grace())*time.Second)))
}

// lastMainEnd is from when on only sidecars ran: the end of the last regular container, and not
// before the deletion.
func (p subject) lastMainEnd(asked metav1.Time) metav1.Time {
	out := asked
	for _, c := range p.mains {
		if end := c.ended(); end != nil && out.Before(&end.FinishedAt) {
			out = end.FinishedAt
		}
	}
	return out
}

func side(deadline age) string {
	if deadline.since > 0 {
		return "over " + deadline.ago()
	}
	return "not over yet"
}
