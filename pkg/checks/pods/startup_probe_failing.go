package pods

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

var startupProbeFailing = podCheck(checks.Check{
	ID:    "startup-probe-failing",
	Title: "every sidecar passes its startup probe in time",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Nodes, facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.stopping() {
		return nil, nil
	}
	for _, c := range p.all() {
		switch p.startupState(c) {
		case probeFailing:
			return p.probeFinding(c), nil
		case probeUntold:
			return nil, p.noClock("the startup probe of " + c.Name + " has failed")
		}
	}
	return nil, nil
})

// A probeState is what becomes of the startup probe of a sidecar.
type probeState int

const (
	// probeFine: it has succeeded, may still, or somebody else is to blame.
	probeFine probeState = iota
	// probeFailing: it has used up its time, or waiting does not help.
	probeFailing
	// probeUntold: it fails, and how long is not known.
	probeUntold
)

func (p subject) startupState(c container) probeState {
	if c.StartupProbe == nil || started(c) || !c.ran() || p.ignoresProbe(c) {
		return probeFine
	}
	failing := p.killedByProbe(c) || p.overdue(c) && !p.outOfMemory(c) || p.deadEnd(c) != nil
	switch {
	case failing && !(c.running() && p.bugged(c) != nil):
		return probeFailing
	case c.running() && p.startedAt(c).untold(allowed(c)) && len(p.startupFailures(c)) > 0:
		return probeUntold
	}
	return probeFine
}

// ignoresProbe reports whether the kubelet takes a sidecar for a plain init container, whose probes it does not run.
func (p subject) ignoresProbe(c container) bool {
	return c.init && p.node != nil && p.node.Gate == gate.Unsupported
}

// allowed is how long the startup probe of a container that runs may go on failing.
func allowed(c container) time.Duration { return min(budget(c.StartupProbe), patience) }

func (p subject) startupFailures(c container) []corev1.Event {
	return append(p.probeEvents(c, "Startup probe failed"), p.probeEvents(c, "Startup probe errored")...)
}

func (p subject) probeFinding(c container) *checks.Finding {
	asks, answers := probeText(c.Container, c.StartupProbe), p.startupFailures(c)
	f := &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("the startup probe of %s does not succeed (%s): %s", c.role(), p.doing(c), asks),
		Evidence:  []string{"startupProbe of " + c.Name + ": " + asks + ", " + pace(c.StartupProbe)},
		Steps:     append(p.moreTime(c), p.logStep(c)),
	}
	if len(answers) > 0 {
		f.Message = fmt.Sprintf("the startup probe of %s fails (%s): it asks %s and gets: %s", c.role(), p.doing(c), asks, prose.Clause(answer(answers[0])))
	} else if c.sidecar() {
		f.Message += "; the containers after it wait"
	}
	f.Evidence = slices.Concat(f.Evidence, newest(p.s.Snapshot, answers, 2), newest(p.s.Snapshot, p.eventsAbout(c, "Killing"), 1), p.ending(c), p.lastWords(c, 3))
	if asked, declared := askedElsewhere(c); asked > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s declares %s, the probe asks port %d", c.Name, portText(declared), asked))
	}
	if d := p.deadEnd(c); d != nil {
		f.Message += "; waiting does not help: " + d.why
		for _, line := range d.evidence {
			f.Evidence = prose.AddOnce(f.Evidence, line)
		}
		f.Steps = append(d.steps, p.logStep(c))
	}
	return f
}

// probeEvents are the failures of one kind of probe.
func (p subject) probeEvents(c container, prefix string) []corev1.Event {
	return slices.DeleteFunc(p.eventsAbout(c, "Unhealthy", "ProbeWarning"), func(e corev1.Event) bool { return !strings.HasPrefix(e.Message, prefix) })
}

// killedByProbe reports whether a container was stopped because its startup probe used up its budget: the
// kubelet says so, or its last run lasted as long as the budget. The kubelet keeps to 25 events about a pod, and one more
// every five minutes (k8s.io/client-go tools/record, EventSourceObjectSpamFilter): of what restarts often, the newest
// are missing. A run that lasted nearly as long is then explained by what is left.
func (p subject) killedByProbe(c container) bool {
	if c.StartupProbe == nil || started(c) {
		return false
	}
	end := c.ended()
	if end != nil && end.Reason == oomKilled {
		return false
	}
	last, told := p.toldOfKill(c)
	if last {
		return true
	}
	if end == nil || c.restarts() == 0 || begun(end).IsZero() || end.FinishedAt.IsZero() {
		return false
	}
	lasted := end.FinishedAt.Sub(end.StartedAt.Time) + rounding
	explained := told || c.stopped() && len(p.startupFailures(c)) > 0
	return lasted >= budget(c.StartupProbe) || explained && lasted >= soonest(c.StartupProbe)
}

// toldOfKill reports whether events tell that the kubelet stopped a container because of its startup probe: in its last
// run, or in any.
func (p subject) toldOfKill(c container) (last, ever bool) {
	end := c.ended()
	for _, e := range p.eventsAbout(c, "Killing") {
		if !strings.Contains(e.Message, "failed startup probe") {
			continue
		}
		if end == nil || !eventTime(e).Time.Before(begun(end)) {
			return true, true
		}
		ever = true
	}
	return false, ever
}

// slowStart reports whether a container has started by now, after its startup probe had stopped it before: its exits were
// the kubelet's doing, and are over.
func (p subject) slowStart(c container) bool {
	end := c.ended()
	if c.StartupProbe == nil || !started(c) || !c.status.Ready || end == nil || !c.stopped() {
		return false
	}
	last, told := p.toldOfKill(c)
	lasted := end.FinishedAt.Sub(begun(end)) + rounding
	return last || (told || len(p.startupFailures(c)) > 0) && !begun(end).IsZero() &&
		lasted >= soonest(c.StartupProbe) && lasted <= budget(c.StartupProbe)+settle
}

// overdue reports whether the startup probe of a container that runs has used up its time.
func (p subject) overdue(c container) bool {
	return c.StartupProbe != nil && !started(c) && p.startedAt(c).atLeast(allowed(c))
}

// outOfMemory reports whether a container ran out of memory a short while ago. On a slow machine that takes so
// long that its startup probe is overdue by then: the probe is not what is wrong.
func (p subject) outOfMemory(c container) bool {
	end := c.ended()
	return end != nil && end.Reason == oomKilled && c.restarts() > 0 && ageOf(p.s.Snapshot, end.FinishedAt).below(recent)
}

// budget is how long a startup probe may fail before the container is stopped; unset fields have the
// API's defaults.
func budget(p *corev1.Probe) time.Duration {
	period, failures := cmp.Or(p.PeriodSeconds, 10), cmp.Or(p.FailureThreshold, 3)
	return seconds(p.InitialDelaySeconds + period*failures)
}

// soonest is after what time a startup probe can have used up its budget: the first attempt may come right after the
// start.
func soonest(p *corev1.Probe) time.Duration {
	return budget(p) - seconds(cmp.Or(p.PeriodSeconds, 10))
}

func pace(p *corev1.Probe) string {
	return fmt.Sprintf("every %ds, up to %d failures: %s in all", cmp.Or(p.PeriodSeconds, 10), cmp.Or(p.FailureThreshold, 3), budget(p))
}

// probeText is what a probe asks.
func probeText(c *corev1.Container, p *corev1.Probe) string {
	number := func(text string) string {
		if port := software.ProbePort(c, p); port > 0 && fmt.Sprint(port) != text {
			return fmt.Sprintf("%s (%d)", text, port)
		}
		return text
	}
	switch {
	case p.HTTPGet != nil:
		return fmt.Sprintf("GET %s on port %s", cmp.Or(p.HTTPGet.Path, "/"), number(p.HTTPGet.Port.String()))
	case p.TCPSocket != nil:
		return "a connection to port " + number(p.TCPSocket.Port.String())
	case p.GRPC != nil:
		return fmt.Sprintf("gRPC health on port %d", p.GRPC.Port)
	case p.Exec != nil:
		return "the command " + prose.OneLine(strings.Join(p.Exec.Command, " "))
	}
	return "nothing"
}

// answer is what the probe got, from the event's "Startup probe failed: …".
func answer(e corev1.Event) string {
	for _, before := range []string{"probe failed: ", "unknown state: ", "probe errored: "} {
		if _, text, ok := strings.Cut(e.Message+" ", before); ok {
			return cmp.Or(prose.OneLine(text), "a failure without a word")
		}
	}
	return prose.OneLine(e.Message)
}

// askedElsewhere is the port that the startup probe asks, and those that the container declares, when it is none of them.
func askedElsewhere(c container) (asked int, declared []int) {
	asked = software.ProbePort(c.Container, c.StartupProbe)
	for _, port := range c.Ports {
		declared = append(declared, int(port.ContainerPort))
	}
	if len(declared) == 0 || slices.Contains(declared, asked) {
		return 0, nil
	}
	return asked, declared
}

// moreTime gives the probe more time.
func (p subject) moreTime(c container) []checks.Step {
	more := map[string]any{"periodSeconds": cmp.Or(c.StartupProbe.PeriodSeconds, 10), "failureThreshold": 10 * cmp.Or(c.StartupProbe.FailureThreshold, 3)}
	return p.editSteps("If it only needs longer than "+budget(c.StartupProbe).String()+" (failureThreshold x periodSeconds), give it more time", c,
		edit{c.Name, map[string]any{"startupProbe": more}})
}
