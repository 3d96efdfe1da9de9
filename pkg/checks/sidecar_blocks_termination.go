package checks

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// From 1.29 on the kubelet stops sidecars after the regular containers, in reverse order, within the
// pod's one grace period. deletionTimestamp is the end of that period, not its beginning.
var sidecarBlocksTermination = podCheck(Check{
	ID:    "sidecar-blocks-termination",
	Title: "no sidecar keeps a deleted pod from ending",
}, func(p subject) (*Finding, []facts.Gap) {
	if !p.deleting() || p.nodeGone() {
		return nil, nil
	}
	var mains, left []container
	for _, c := range p.all() {
		switch {
		case !c.running():
		case c.sidecar(), !c.init && known(c.Container) != nil:
			left = append(left, c)
		case !c.init:
			mains = append(mains, c)
		}
	}
	if len(left) == 0 || len(mains) > 0 {
		return nil, nil // the regular containers are asked to end first
	}
	asked, deadline := p.deleted(), ageOf(p.s.Snapshot, *p.DeletionTimestamp)
	alone := ageOf(p.s.Snapshot, p.lastMainEnd(asked.at))
	if !deadline.known {
		return nil, p.noClock("the pod has been ending")
	}
	if alone.below(settle) && !deadline.atLeast(settle) {
		return nil, nil
	}
	c := left[len(left)-1] // the first to be stopped
	f := &Finding{
		Message: fmt.Sprintf("the pod was deleted %s and does not end: %s still runs, and does not end at SIGTERM (the grace period is %d s)", asked.ago(), c.role(), p.grace()),
		Evidence: []string{
			fmt.Sprintf("metadata.deletionTimestamp: %s (%s), deletionGracePeriodSeconds: %d", p.DeletionTimestamp.UTC().Format(time.RFC3339), side(deadline), p.grace()),
			fmt.Sprintf("status of %s: running %s", c.Name, p.startedAt(c).words()),
		},
	}
	for _, m := range p.mains {
		if !slices.ContainsFunc(left, func(x container) bool { return x.Name == m.Name }) {
			f.Evidence = append(f.Evidence, p.ending(m)...)
		}
	}
	f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.eventsAbout(c, "Killing", "FailedPreStopHook", "FailedKillPod"), 2)...)
	f.Fix = "Let the program end at SIGTERM: a shell as the first process does not pass it on (start the program with exec), and a program as process 1 must handle it itself."
	if c.Lifecycle != nil && c.Lifecycle.PreStop != nil {
		f.Evidence = append(f.Evidence, fmt.Sprintf("preStop of %s: %s", c.Name, handler(c.Lifecycle.PreStop)))
		f.Fix += " Its preStop hook runs first, and uses up the same grace period."
	}
	if line := commandLine(c.Container); line != "" {
		f.Evidence = append(f.Evidence, "command of "+c.Name+": "+oneLine(line))
	}
	f.Fix += " To be rid of this pod now:\n\n" + indent(fmt.Sprintf("kubectl delete pod %s -n %s --grace-period=1", p.Name, p.Namespace))
	if p.grace() > 60 {
		f.Fix += "\n\nA shorter grace period ends it sooner (the value is an example):\n\n" +
			indent(p.command(p.target(), "strategic", encode(nest(p.target().path, map[string]any{"terminationGracePeriodSeconds": 30}))))
	}
	return f, nil
})

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

func metaTime(t time.Time) metav1.Time { return metav1.NewTime(t) }
