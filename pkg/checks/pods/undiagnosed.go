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

// open is the entry of a pod in which no check has found anything and that is not known to be well: its state, and
// what to look at next.
func (p subject) open(message, container string, next checks.Step) *Diagnosis {
	steps := []checks.Step{next}
	return &Diagnosis{
		Object: p.object(), Owner: p.top(), Pods: []string{p.Name}, Container: container, Message: message, Because: []string{},
		Evidence: p.stateLines(), Steps: steps, Fix: checks.FixOf(steps), Symptoms: []Symptom{}, Workarounds: append([]string{}, p.workarounds()...),
	}
}

// inProgress is the entry of a pod that waits for something that may still come.
func (p subject) inProgress(w *pending) *Diagnosis {
	d := p.open(w.words(), w.container, w.next)
	d.Progress = w.progress()
	return d
}

// undiagnosed is the entry of a pod that is not well, and in which no check has found why: what was ruled out, what
// is not known, and what to look at next.
func (p subject) undiagnosed(results []checks.Result, trouble string, next checks.Step) *Diagnosis {
	d := p.open(trouble, "", next)
	var unknown []string
	for _, r := range results {
		if r.Skip || r.Check.Category != checks.Pods {
			continue
		}
		gaps := p.openOf(r)
		for _, g := range gaps {
			unknown = prose.AddOnce(unknown, fmt.Sprintf("not known: %s: %s; %s", g.Kind, g.Reason, g.Remedy))
		}
		undecided := r.Check.ID == sidecarBlocksTermination.ID && p.deleting() && len(p.leftSidecars()) > 0 ||
			r.Check.ID == checks.KnownControlPlaneBug && !p.s.Has(facts.Services) ||
			slices.Contains(r.Check.Uses, facts.Logs) && !p.heard()
		if len(gaps) == 0 && !undecided {
			d.RuledOut = append(d.RuledOut, r.Check.ID)
		}
	}
	d.Evidence = append(d.Evidence, unknown...)
	return d
}

// heard reports whether a log of the pod was read.
func (p subject) heard() bool {
	return slices.ContainsFunc(p.all(), func(c container) bool { return len(p.logs(c)) > 0 })
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
			return fmt.Sprintf("the pod is past its grace period %s: container %s still runs", over, c.Name)
		}
	}
	if len(p.Finalizers) > 0 {
		return fmt.Sprintf("the pod is past its grace period %s: finalizers hold it: %s", over, strings.Join(p.Finalizers, ", "))
	}
	return "the pod is past its grace period " + over
}

// holds reports whether a container is the init container that the pod waits for.
func (p subject) holds(c container) bool {
	blocker := p.blocker()
	return blocker != nil && c.init && blocker.Name == c.Name
}

// stateLines is where each container stands.
func (p subject) stateLines() []string {
	out := append([]string{fmt.Sprintf("status.phase: %s, node: %s", prose.OrNone(string(p.Status.Phase)), prose.OrNone(p.Spec.NodeName))}, p.skewEvidence()...)
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
