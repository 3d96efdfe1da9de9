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
)

var startupProbeFailing = podCheck(checks.Check{
	ID:    "startup-probe-failing",
	Title: "the startup probe of every sidecar succeeds in time",
	Uses:  slices.Concat(witnessed, owned, []facts.Kind{facts.Nodes, facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.finished() || p.deleting() {
		return nil, nil
	}
	for _, c := range p.sidecars() {
		if c.StartupProbe == nil || started(c) || !c.ran() || p.node != nil && p.node.Gate == gate.Unsupported {
			continue
		}
		answers := p.probeEvents(c, "Startup probe failed")
		killed := p.killedByProbe(c)
		overdue := p.overdue(c) && !p.outOfMemory(c)
		if !killed && !overdue || c.running() && p.bugged(c) != nil {
			if c.running() && p.startedAt(c).untold(min(budget(c.StartupProbe), patience)) && len(answers) > 0 {
				return nil, p.noClock("the startup probe of " + c.Name + " has failed")
			}
			continue
		}
		f := &checks.Finding{
			Container: c.Name,
			Message:   fmt.Sprintf("the startup probe of sidecar %s does not succeed (%s): %s; the containers after it wait", c.Name, p.doing(c), probeText(c.Container, c.StartupProbe)),
			Evidence:  []string{"startupProbe of " + c.Name + ": " + probeText(c.Container, c.StartupProbe) + ", " + pace(c.StartupProbe)},
		}
		if len(answers) > 0 {
			f.Message = fmt.Sprintf("the startup probe of sidecar %s fails (%s): it asks %s and gets: %s", c.Name, p.doing(c), probeText(c.Container, c.StartupProbe), prose.Clause(answer(answers[0])))
		}
		f.Evidence = append(f.Evidence, newest(p.s.Snapshot, answers, 2)...)
		f.Evidence = append(f.Evidence, newest(p.s.Snapshot, p.eventsAbout(c, "Killing"), 1)...)
		f.Evidence = append(f.Evidence, p.ending(c)...)
		f.Evidence = append(f.Evidence, p.lastWords(c, 3)...)
		f.Fix = p.probeFix(c, &f.Evidence)
		return f, nil
	}
	return nil, nil
})

// probeEvents are the failures of one kind of probe.
func (p subject) probeEvents(c container, prefix string) []corev1.Event {
	return slices.DeleteFunc(p.eventsAbout(c, "Unhealthy", "ProbeWarning"), func(e corev1.Event) bool { return !strings.HasPrefix(e.Message, prefix) })
}

// killedByProbe is a container that was stopped because its startup probe used up its budget: the
// kubelet says so, or its last run lasted as long as the budget and ended by a signal.
func (p subject) killedByProbe(c container) bool {
	if c.StartupProbe == nil || started(c) {
		return false
	}
	end := c.ended()
	if end != nil && end.Reason == oomKilled {
		return false
	}
	for _, e := range p.eventsAbout(c, "Killing") {
		earlier := end != nil && eventTime(e).Time.Before(begun(end)) // it is about a run before the last
		if strings.Contains(e.Message, "failed startup probe") && !earlier {
			return true
		}
	}
	if end == nil || c.restarts() == 0 || begun(end).IsZero() || end.FinishedAt.IsZero() {
		return false
	}
	lasted := end.FinishedAt.Sub(end.StartedAt.Time) + time.Second // times have whole seconds
	return lasted >= budget(c.StartupProbe)
}

// overdue reports whether the startup probe of a container that runs has used up its time.
func (p subject) overdue(c container) bool {
	return c.StartupProbe != nil && !started(c) && p.startedAt(c).atLeast(min(budget(c.StartupProbe), patience))
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
	return time.Duration(p.InitialDelaySeconds+period*failures) * time.Second
}

func pace(p *corev1.Probe) string {
	return fmt.Sprintf("every %d s, at most %d failures, so that it has %s", cmp.Or(p.PeriodSeconds, 10), cmp.Or(p.FailureThreshold, 3), budget(p))
}

// probeText is what a probe asks.
func probeText(c *corev1.Container, p *corev1.Probe) string {
	number := func(text string) string {
		if port := probePort(c, p); port > 0 && fmt.Sprint(port) != text {
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
	_, text, _ := strings.Cut(e.Message, "probe failed: ")
	return prose.OneLine(cmp.Or(text, e.Message))
}

// probeFix compares the port that is asked with those that the container declares.
func (p subject) probeFix(c container, evidence *[]string) string {
	asked, declared := probePort(c.Container, c.StartupProbe), []int{}
	for _, port := range c.Ports {
		declared = append(declared, int(port.ContainerPort))
	}
	var fix string
	if asked > 0 && len(declared) > 0 && !slices.Contains(declared, asked) {
		*evidence = append(*evidence, fmt.Sprintf("%s declares %s, the probe asks port %d", c.Name, portText(declared), asked))
		handler := map[string]any{"port": declared[0]}
		field := "tcpSocket"
		if c.StartupProbe.HTTPGet != nil {
			field, handler["path"] = "httpGet", c.StartupProbe.HTTPGet.Path
		}
		if c.StartupProbe.GRPC != nil {
			field = "grpc"
		}
		fix = "Ask the port that it declares:\n\n" + indentOr(p.fixContainers(edit{c.Name, map[string]any{"startupProbe": map[string]any{field: handler}}}), p.injected(c, softwareOf(c.Container))) + "\n\n"
	}
	more := edit{c.Name, map[string]any{"startupProbe": map[string]any{"periodSeconds": cmp.Or(c.StartupProbe.PeriodSeconds, 10), "failureThreshold": 10 * cmp.Or(c.StartupProbe.FailureThreshold, 3)}}}
	return fix + "If it only needs longer than " + budget(c.StartupProbe).String() + " (failureThreshold x periodSeconds), give it more:\n\n" +
		indentOr(p.fixContainers(more), p.injected(c, softwareOf(c.Container))) + "\n\nSee what it says:\n\n" + prose.Indent(p.logsCommand(c))
}
