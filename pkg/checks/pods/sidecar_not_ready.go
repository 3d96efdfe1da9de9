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

var sidecarNotReady = podCheck(checks.Check{
	ID:    "sidecar-not-ready",
	Title: "every sidecar becomes ready",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.stopping() || p.blocker() != nil || p.downMain() != nil {
		return nil, nil
	}
	for _, c := range p.all() {
		if !p.unready(c) {
			continue
		}
		since, answers := p.unreadySince(c), p.readinessFailures(c)
		if since.below(settle) && (since.below(quickly) || times(answers) < someFailures) {
			continue
		}
		if since.untold(settle) && len(answers) == 0 {
			return nil, p.noClock(c.Name + " has been unready")
		}
		return p.unreadyFinding(c), nil
	}
	return nil, nil
})

// downMain is an application that does not run, and not only for a moment: a sidecar is often not ready for that, and the
// pod would not be if it were. nil when there is none.
func (p subject) downMain() *container {
	for i, c := range p.mains {
		if !p.beside(c) && (c.waiting() == "CrashLoopBackOff" || slices.Contains(startErrors, c.waiting())) {
			return &p.mains[i]
		}
	}
	return nil
}

// unready reports whether a container is a sidecar, native or not, that runs and whose readiness probe fails.
func (p subject) unready(c container) bool {
	isSidecar := p.beside(c) || software.Of(c.Container) != nil
	return isSidecar && c.running() && !c.status.Ready && c.ReadinessProbe != nil && !p.looping(c)
}

func (p subject) readinessFailures(c container) []corev1.Event {
	return p.probeEvents(c, "Readiness probe failed")
}

func (p subject) unreadyFinding(c container) *checks.Finding {
	asks, answers := probeText(c.Container, c.ReadinessProbe), p.readinessFailures(c)
	f := &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("%s is not ready, %s, so neither is the pod: its readiness probe asks %s", c.title(), p.unreadySince(c).words(), asks),
		Evidence: []string{
			"readinessProbe of " + c.Name + ": " + asks,
			fmt.Sprintf("status of %s: ready: false, running %s", c.Name, p.startedAt(c).words()),
		},
	}
	if len(answers) > 0 {
		f.Message += " and gets: " + prose.Clause(answer(answers[0]))
	}
	if r := facts.PodConditionOf(p.Pod, corev1.ContainersReady); r != nil && r.Status == corev1.ConditionFalse {
		f.Evidence = append(f.Evidence, fmt.Sprintf("condition ContainersReady: False, %s: %s", ageOf(p.s.Snapshot, r.LastTransitionTime).words(), prose.OneLine(r.Message)))
	}
	f.Evidence = slices.Concat(f.Evidence, newest(p.s.Snapshot, answers, 2), p.livenessEvidence(c), p.lastWords(c, 3))
	if p.killedByLiveness(c) {
		f.Message += "; its liveness probe fails as well, and the kubelet restarts it for that"
		f.Steps = p.livenessSteps(c)
		return f
	}
	if len(answers) > 0 {
		if m := misasks(c, c.ReadinessProbe, answer(answers[0])); m != nil {
			f.Message += "; waiting does not help: " + m.why
			f.Steps = append(p.misaskedSteps(c, m), p.logStep(c))
			return f
		}
	}
	f.Steps = append([]checks.Step{{Text: unreadyText(c)}},
		p.editSteps("If the pod can serve while the sidecar is not ready, remove its readinessProbe", c, edit{c.Name, map[string]any{"readinessProbe": nil}})...)
	f.Steps = append(f.Steps, p.logStep(c))
	return f
}

// unreadyText is what to correct first.
func unreadyText(c container) string {
	switch known := whyUnhealthy(c); {
	case known != "":
		return known
	case c.sidecar():
		return "Correct what the probe asks, or the probe. The readiness of native sidecars counts like that of regular containers."
	}
	return "Correct what the probe asks, or the probe."
}

// unreadySince is when the pod became unready, and not before the container ran.
func (p subject) unreadySince(c container) age {
	running := p.startedAt(c)
	r := facts.PodConditionOf(p.Pod, corev1.ContainersReady)
	if r == nil || r.LastTransitionTime.Before(&running.at) {
		return running
	}
	return ageOf(p.s.Snapshot, r.LastTransitionTime)
}
