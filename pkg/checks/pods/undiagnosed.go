package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// undiagnosed is the answer about a pod that does not get on and in which no check has found why: what
// was ruled out, what is not known, and what to look at next. It is nil for a pod that is fine, or too
// young to tell.
func (p subject) undiagnosed(results []checks.Result) *Diagnosis {
	state, next := p.odd()
	if state == "" {
		return nil
	}
	steps := []checks.Step{next}
	d := &Diagnosis{
		Object: p.object(), Owner: p.top(), Pods: []string{p.Name}, Message: state, Because: []string{},
		Steps: steps, Fix: checks.FixOf(steps), Symptoms: []Symptom{}, Workarounds: append([]string{}, p.workarounds()...),
	}
	var ruledOut, unknown []string
	for _, r := range results {
		if r.Skip || r.Check.Category != checks.Pods {
			continue
		}
		gaps := p.openOf(r)
		for _, g := range gaps {
			unknown = prose.AddOnce(unknown, fmt.Sprintf("not known: %s: %s; %s", g.Kind, g.Reason, g.Remedy))
		}
		undecided := r.Check.ID == sidecarBlocksTermination.ID && p.deleting() && len(p.leftSidecars()) > 0 ||
			r.Check.ID == checks.KnownControlPlaneBug && !p.s.Has(facts.Services)
		if len(gaps) == 0 && !undecided {
			ruledOut = append(ruledOut, r.Check.ID)
		}
	}
	d.Evidence = append(p.stateLines(), unknown...)
	if len(ruledOut) > 0 {
		d.Evidence = append(d.Evidence, "ruled out: "+strings.Join(ruledOut, ", "))
	}
	return d
}

// openOf is what a check would have had to see of the pod to rule its problem out: what it says itself,
// and the witnesses that were not read at all.
func (p subject) openOf(r checks.Result) []facts.Gap {
	out := slices.DeleteFunc(slices.Clone(r.Outcome.Missing), func(g facts.Gap) bool { return g.Scope != "" && g.Instance != p.instance() })
	for _, kind := range []facts.Kind{facts.Clock, facts.Events, facts.Nodes} {
		missing := slices.ContainsFunc(out, func(g facts.Gap) bool { return g.Kind == kind })
		if slices.Contains(r.Check.Reads(), kind) && !missing {
			out = append(out, checks.Unread(p.s.Snapshot, kind)...)
		}
	}
	return out
}

// odd is the state of a pod that does not get on, in one line, and what to look at next; state is "" for
// one that does.
func (p subject) odd() (state string, next checks.Step) {
	describe := checks.Step{Text: "See what the API server has of it:", Command: p.describe()}
	switch {
	case p.finished():
		return "", next
	case p.deleting():
		return p.oddDeletion(describe)
	case p.born().below(settle):
		return "", next
	case p.Spec.NodeName == "":
		return p.nodeless(), describe
	}
	for _, c := range p.all() {
		if state := p.oddContainer(c); state != "" {
			if c.ran() {
				return state, p.logStep(c)
			}
			return state, describe
		}
	}
	return "", next
}

// oddDeletion is the state of a pod that takes long to terminate.
func (p subject) oddDeletion(describe checks.Step) (state string, next checks.Step) {
	if ageOf(p.s.Snapshot, *p.DeletionTimestamp).atLeast(settle) {
		return p.pastGrace(), describe
	}
	if state, next := p.oddUnsignaled(); state != "" {
		return state, next
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

// nodeless is the state of a pod that has waited long for a node, and whose scheduler does not say why.
func (p subject) nodeless() string {
	switch gates := p.Spec.SchedulingGates; {
	case !p.born().atLeast(scaleUp):
		return ""
	case len(gates) > 0:
		return fmt.Sprintf("the pod is held back by scheduling gate %s, %s: whoever set it has to remove it", gates[0].Name, p.born().words())
	}
	return "the pod has no node, " + p.born().words()
}

// longGrace is a pod that takes long to terminate, and has the time: whether its regular containers still
// work or a sidecar does not stop, its status does not tell.
func (p subject) longGrace(main, sidecar container) (state string, next checks.Step) {
	return fmt.Sprintf("the pod was deleted %s and has a grace period of %ds: %s or %s has not exited; "+
			"its status does not tell which, because the kubelet does not update it while a pod terminates", p.deleted().ago(), p.grace(), main.role(), sidecar.role()),
		checks.Step{
			Text:    fmt.Sprintf("See whether %s still runs. An error that the container is not running means that only %s is left:", main.role(), sidecar.Name),
			Command: prose.Shell("kubectl exec %s -n %s -c %s -- true", p.Name, p.Namespace, main.Name),
		}
}

// pastGrace says why a pod that is being deleted may still be there.
func (p subject) pastGrace() string {
	over := ageOf(p.s.Snapshot, *p.DeletionTimestamp).words()
	if p.nodeGone() {
		return fmt.Sprintf("the pod is past its grace period %s: the kubelet of %s does not report, so nothing confirms that the pod has terminated", over, p.Spec.NodeName)
	}
	for _, c := range p.mains {
		if c.running() {
			return fmt.Sprintf("the pod is past its grace period %s: container %s still runs; no sidecar is to blame", over, c.Name)
		}
	}
	if len(p.Finalizers) > 0 {
		return fmt.Sprintf("the pod is past its grace period %s: finalizers hold it: %s", over, strings.Join(p.Finalizers, ", "))
	}
	return "the pod is past its grace period " + over
}

// An oddity is a state of a container that the kubelet should have left by now.
type oddity struct {
	when func(p subject, c container) bool
	say  func(p subject, c container) string
}

// oddities are the states of containers that are strange when no check has found why; the first that fits counts. How
// long each may last stands in patience.go.
var oddities = []oddity{
	{waitsForReason, subject.sayReason},
	{neverReached, func(p subject, c container) string {
		return fmt.Sprintf("%s has not been started (%s); the pod was created %s", c.role(), c.waiting(), p.born().ago())
	}},
	{longAtWork, func(p subject, c container) string {
		return fmt.Sprintf("init container %s has been running %s: it shows no sign of a server (ports, probes, known software), and may be at work",
			c.Name, p.startedAt(c).words())
	}},
	{slowSidecar, func(p subject, c container) string {
		return fmt.Sprintf("sidecar %s has been running %s and does not count as started", c.Name, p.startedAt(c).words())
	}},
	{longUnready, func(p subject, c container) string {
		return fmt.Sprintf("container %s is not ready, %s; no sidecar is to blame", c.Name, p.unreadySince(c).words())
	}},
}

// oddContainer says what is strange about a container; "" when nothing is.
func (p subject) oddContainer(c container) string {
	for _, o := range oddities {
		if o.when(p, c) {
			return o.say(p, c)
		}
	}
	return ""
}

// waitsForReason: it waits, and not to be started.
func waitsForReason(_ subject, c container) bool {
	return c.waiting() != "" && !facts.StartingReason(c.waiting())
}

// neverReached: it is its turn, and the kubelet does not start it.
func neverReached(p subject, c container) bool {
	itsTurn := p.blocker() == nil || p.holds(c)
	return facts.StartingReason(c.waiting()) && c.ended() == nil && itsTurn && p.born().atLeast(hangTime) && !p.recentlyPulled(c)
}

// longAtWork: it holds up the pod, and shows no sign of a server.
func longAtWork(p subject, c container) bool {
	return p.holds(c) && !c.sidecar() && p.startedAt(c).atLeast(atWork)
}

// slowSidecar: a sidecar holds up the pod, though no startup probe fails.
func slowSidecar(p subject, c container) bool {
	return p.holds(c) && c.sidecar() && p.startedAt(c).atLeast(patience)
}

// longUnready: the readiness probe of a regular container fails.
func longUnready(p subject, c container) bool {
	return !c.init && c.running() && !c.status.Ready && c.ReadinessProbe != nil && p.unreadySince(c).atLeast(hangTime)
}

// holds reports whether a container is the init container that the pod waits for.
func (p subject) holds(c container) bool {
	blocker := p.blocker()
	return blocker != nil && c.init && blocker.Name == c.Name
}

func (p subject) sayReason(c container) string {
	if end := c.ended(); end != nil {
		return fmt.Sprintf("%s: %s, %s, %s; no sidecar is to blame", c.role(), c.waiting(), exit(end), prose.Counted(int(c.restarts()), "restart"))
	}
	return fmt.Sprintf("%s: %s: %s", c.role(), c.waiting(), prose.Clause(c.status.State.Waiting.Message))
}

// recentlyPulled reports whether the image of a container is being pulled: large ones take their time.
func (p subject) recentlyPulled(c container) bool {
	events := p.eventsAbout(c, "Pulling", "Pulled", "Created", "Started")
	return len(events) > 0 && events[0].Reason == "Pulling" && ageOf(p.s.Snapshot, eventTime(events[0])).below(patience)
}

// stateLines is where each container stands.
func (p subject) stateLines() []string {
	out := []string{fmt.Sprintf("status.phase: %s, node: %s", prose.OrNone(string(p.Status.Phase)), prose.OrNone(p.Spec.NodeName))}
	for _, c := range p.all() {
		switch {
		case c.status == nil:
		case c.running():
			out = append(out, p.stateEvidence(c)+fmt.Sprintf(", ready: %t", c.status.Ready))
		case c.waiting() != "":
			out = append(out, waitingEvidence(c)...)
			out = append(out, p.ending(c)...)
		default:
			out = append(out, p.ending(c)...)
		}
	}
	if r := facts.PodConditionOf(p.Pod, corev1.PodReady); r != nil && r.Status != corev1.ConditionTrue && r.Message != "" {
		out = append(out, fmt.Sprintf("condition Ready: %s: %s", r.Status, prose.OneLine(r.Message)))
	}
	return append(out, newest(p.s.Snapshot, slices.DeleteFunc(p.events(), func(e corev1.Event) bool { return e.Type == corev1.EventTypeNormal }), 3)...)
}
