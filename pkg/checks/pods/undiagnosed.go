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
	d := &Diagnosis{
		Object: p.object(), Owner: p.top(), Pods: []string{p.Name}, Message: state, Because: []string{},
		Fix: prose.Indent(next), Symptoms: []Symptom{}, Workarounds: append([]string{}, p.workarounds()...),
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
	out := slices.DeleteFunc(slices.Clone(r.Outcome.Missing), func(g facts.Gap) bool { return g.Scope != "" && g.Scope != podScope(p) })
	for _, kind := range []facts.Kind{facts.Clock, facts.Events, facts.Nodes} {
		missing := slices.ContainsFunc(out, func(g facts.Gap) bool { return g.Kind == kind })
		if slices.Contains(r.Check.Reads(), kind) && !missing {
			out = append(out, checks.Unread(p.s.Snapshot, kind)...)
		}
	}
	return out
}

// odd is the state of a pod that does not get on, in one line, and the command to run next; "" for
// one that does.
func (p subject) odd() (state, next string) {
	describe := prose.Shell("kubectl describe pod %s -n %s", p.Name, p.Namespace)
	switch {
	case p.finished():
		return "", ""
	case p.deleting():
		if ageOf(p.s.Snapshot, *p.DeletionTimestamp).atLeast(settle) {
			return p.pastGrace(), describe
		}
		if left := p.leftSidecars(); len(left) > 0 && p.deleted().atLeast(settle) && p.unendedMain(left) != nil {
			return p.longGrace(*p.unendedMain(left), left[len(left)-1])
		}
		return "", ""
	case p.born().below(settle):
		return "", ""
	case p.Spec.NodeName == "":
		if gates := p.Spec.SchedulingGates; len(gates) > 0 && p.born().atLeast(scaleUp) {
			return fmt.Sprintf("the pod is held back by scheduling gate %s, %s: whoever set it has to remove it", gates[0].Name, p.born().words()), describe
		}
		if p.born().atLeast(scaleUp) {
			return "the pod has no node, " + p.born().words(), describe
		}
		return "", ""
	}
	for _, c := range p.all() {
		if state := p.oddContainer(c); state != "" {
			return state, p.nextFor(c)
		}
	}
	return "", ""
}

// longGrace is a pod that takes long to end, and has the time: whether its regular containers still
// work or a sidecar does not stop, its status does not tell.
func (p subject) longGrace(main, sidecar container) (state, next string) {
	return fmt.Sprintf("the pod was deleted %s and has a grace period of %d s: %s or %s has not ended; which of them is not in its status, which the kubelet does not update while a pod ends", p.deleted().ago(), p.grace(), main.role(), sidecar.role()),
		prose.Shell("# an error that the container is not running means that only %s is left\nkubectl exec %s -n %s -c %s -- true", sidecar.Name, p.Name, p.Namespace, main.Name)
}

// pastGrace says why a pod that is being deleted may still be there.
func (p subject) pastGrace() string {
	over := ageOf(p.s.Snapshot, *p.DeletionTimestamp).words()
	if p.nodeGone() {
		return fmt.Sprintf("the pod should have ended %s: the kubelet of %s does not report, so that nothing confirms its end", strings.TrimPrefix(over, "for "), p.Spec.NodeName)
	}
	for _, c := range p.mains {
		if c.running() {
			return fmt.Sprintf("the pod is past its grace period %s: container %s still runs; no sidecar is to blame", over, c.Name)
		}
	}
	if len(p.Finalizers) > 0 {
		return fmt.Sprintf("the pod is past its grace period %s: finalizer %s holds it", over, strings.Join(p.Finalizers, ", "))
	}
	return "the pod is past its grace period " + over
}

// oddContainer says what is strange about a container; "" when nothing is.
func (p subject) oddContainer(c container) string {
	blocker := p.blocker()
	holds := blocker != nil && blocker.init && c.init && blocker.Name == c.Name
	switch waiting := c.waiting(); {
	case waiting != "" && !slices.Contains([]string{"PodInitializing", "ContainerCreating"}, waiting):
		return p.oddEnd(c, waiting)
	case waiting != "" && (holds || blocker == nil) && p.born().atLeast(hangTime) && c.ended() == nil && !p.recentlyPulled(c):
		return fmt.Sprintf("%s has not been started (%s); the pod was created %s", c.role(), waiting, p.born().ago())
	case holds && c.running() && !c.sidecar() && p.startedAt(c).atLeast(atWork):
		return fmt.Sprintf("init container %s has been running %s: it shows no sign of a server (ports, probes, known software), and may be at work", c.Name, p.startedAt(c).words())
	case holds && c.running() && c.sidecar() && p.startedAt(c).atLeast(patience):
		return fmt.Sprintf("sidecar %s has been running %s and does not count as started", c.Name, p.startedAt(c).words())
	case !c.init && c.running() && !c.status.Ready && c.ReadinessProbe != nil && p.unreadySince(c).atLeast(hangTime):
		return fmt.Sprintf("container %s is not ready, %s; no sidecar is to blame", c.Name, p.unreadySince(c).words())
	}
	return ""
}

func (p subject) oddEnd(c container, waiting string) string {
	if end := c.ended(); end != nil {
		return fmt.Sprintf("%s: %s, %s, %s; no sidecar is to blame", c.role(), waiting, exit(end), prose.Counted(int(c.restarts()), "restart"))
	}
	return fmt.Sprintf("%s: %s: %s", c.role(), waiting, prose.Clause(c.status.State.Waiting.Message))
}

// recentlyPulled is a container whose image is being pulled: large ones take their time.
func (p subject) recentlyPulled(c container) bool {
	events := p.eventsAbout(c, "Pulling", "Pulled", "Created", "Started")
	return len(events) > 0 && events[0].Reason == "Pulling" && ageOf(p.s.Snapshot, eventTime(events[0])).below(patience)
}

func (p subject) nextFor(c container) string {
	if c.ran() {
		return p.logsCommand(c)
	}
	return prose.Shell("kubectl describe pod %s -n %s", p.Name, p.Namespace)
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
	if r := p.condition(corev1.PodReady); r != nil && r.Status != corev1.ConditionTrue && r.Message != "" {
		out = append(out, fmt.Sprintf("condition Ready: %s: %s", r.Status, prose.OneLine(r.Message)))
	}
	return append(out, newest(p.s.Snapshot, slices.DeleteFunc(p.events(), func(e corev1.Event) bool { return e.Type == corev1.EventTypeNormal }), 3)...)
}
