package pods

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var sidecarNotReady = podCheck(checks.Check{
	ID:    "sidecar-not-ready",
	Title: "no sidecar keeps its pod unready",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.finished() || p.deleting() || p.blocker() != nil {
		return nil, nil
	}
	for _, c := range p.all() {
		if !c.sidecar() && softwareOf(c.Container) == nil || !c.running() || c.status.Ready || c.ReadinessProbe == nil || p.looping(c) {
			continue
		}
		since := p.unreadySince(c)
		answers := p.probeEvents(c, "Readiness probe failed")
		if since.below(settle) && (since.below(settle/2) || times(answers) < 3) {
			continue
		}
		if since.untold(settle) && len(answers) == 0 {
			return nil, p.noClock(c.Name + " has been unready")
		}
		f := &checks.Finding{
			Container: c.Name,
			Message:   fmt.Sprintf("%s is not ready, %s, and with it the pod: its readiness probe asks %s", c.role(), since.words(), probeText(c.Container, c.ReadinessProbe)),
			Evidence: []string{
				"readinessProbe of " + c.Name + ": " + probeText(c.Container, c.ReadinessProbe),
				fmt.Sprintf("status of %s: ready: false, running %s", c.Name, p.startedAt(c).words()),
			},
			Fix: "Correct what the probe asks, or the probe. The readiness of native sidecars counts like that of regular containers; a sidecar that need not be ready for the pod to serve needs no readinessProbe:\n\n" +
				indentOr(p.fixContainers(edit{c.Name, map[string]any{"readinessProbe": nil}}), p.injected(c, softwareOf(c.Container))) + "\n\nSee what it says:\n\n" + prose.Indent(p.logsCommand(c)),
		}
		if len(answers) > 0 {
			f.Message += " and gets: " + prose.Clause(answer(answers[0]))
		}
		if r := p.condition(corev1.ContainersReady); r != nil && r.Status == corev1.ConditionFalse {
			f.Evidence = append(f.Evidence, fmt.Sprintf("condition ContainersReady: False, %s: %s", ageOf(p.s.Snapshot, r.LastTransitionTime).words(), prose.OneLine(r.Message)))
		}
		f.Evidence = append(f.Evidence, newest(p.s.Snapshot, answers, 2)...)
		f.Evidence = append(f.Evidence, p.lastWords(c, 3)...)
		return f, nil
	}
	return nil, nil
})

// unreadySince is when the pod became unready, and not before the container ran.
func (p subject) unreadySince(c container) age {
	running := p.startedAt(c)
	r := p.condition(corev1.ContainersReady)
	if r == nil || r.LastTransitionTime.Before(&running.at) {
		return running
	}
	return ageOf(p.s.Snapshot, r.LastTransitionTime)
}
