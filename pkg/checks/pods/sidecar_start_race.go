package pods

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var sidecarStartRace = podCheck(checks.Check{
	ID:    "sidecar-start-race",
	Title: "no container fails because it starts before its sidecar listens",
	Uses:  slices.Concat(timed, owned, []facts.Kind{facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.deleting() || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed && p.historical() {
		return nil, nil
	}
	for _, c := range p.mains {
		end := c.ended()
		if end == nil || end.ExitCode == 0 || softwareOf(c.Container) != nil {
			continue
		}
		if c.restarts() > fewRestarts && !(c.running() && c.status.Ready) {
			continue // it fails again and again, whether the sidecar listens or not
		}
		if c.running() && !ageOf(p.s.Snapshot, end.FinishedAt).below(recent) {
			continue // it got over it: history
		}
		proxy, proof := p.raced(c, end)
		if proxy == nil {
			continue
		}
		f := &checks.Finding{
			Container: c.Name,
			Message:   fmt.Sprintf("container %s ended with %s because %s did not listen yet: nothing makes it wait", c.Name, exit(end), proxy.role()),
			Evidence:  slices.Concat([]string{proof}, p.ending(c), []string{p.startOf(*proxy), listens(*proxy)}),
			Fix:       p.raceFix(*proxy),
		}
		return f, nil
	}
	return nil, nil
})

// fewRestarts is up to how many restarts a container may still have lost a race, whatever became of it. More are
// put down to one only when it works by now, and says itself that nobody listened: a proxy that takes 20s
// is up at the third restart.
const fewRestarts = 2

// raced is the sidecar that a container was too early for, with the proof: its own words, or else
// that it ended right after the start of known software and has worked since.
func (p subject) raced(c container, end *corev1.ContainerStateTerminated) (*container, string) {
	lines := slices.Concat(p.logs(c), strings.Split(end.Message, "\n"))
	for i, proxy := range p.all() {
		if proxy.Name == c.Name || proxy.init && !proxy.sidecar() || proxy.sidecar() && proxy.StartupProbe != nil || !proxy.ran() {
			continue
		}
		ports := portsOf(proxy.Container)
		for _, line := range lines {
			if port := refusedPort(line); port > 0 && slices.Contains(ports, port) {
				return &p.all()[i], "log of " + c.Name + ": " + prose.OneLine(line)
			}
		}
		begin := firstStart([]container{proxy})
		if softwareOf(proxy.Container) == nil || len(lines) > 1 || c.restarts() > fewRestarts || !c.running() || begin.IsZero() || end.FinishedAt.IsZero() {
			continue
		}
		if apart := end.FinishedAt.Sub(begin); apart < headStart && !proxy.failed() {
			return &p.all()[i], fmt.Sprintf("times: %s ended %s after %s was started, and has run since it was restarted; its log was not seen", c.Name, max(apart, 0).Round(time.Second), proxy.Name)
		}
	}
	return nil, ""
}

// failed is a container that has ended with an error itself.
func (c container) failed() bool { return c.ended() != nil && c.ended().ExitCode != 0 }

func (p subject) startOf(c container) string {
	return fmt.Sprintf("%s was started %s", c.Name, ageOf(p.s.Snapshot, metav1.NewTime(firstStart([]container{c}))).ago())
}

func listens(c container) string {
	if ports := portsOf(c.Container); len(ports) > 0 {
		return fmt.Sprintf("%s listens on %s", c.Name, portText(ports))
	}
	return fmt.Sprintf("%s is %s", c.Name, softwareOf(c.Container).name)
}

// raceFix adds a startup probe to a native sidecar, or makes one of a regular container.
func (p subject) raceFix(proxy container) string {
	probe := probeOf(proxy.Container)
	if probe == nil {
		probe = map[string]any{"tcpSocket": map[string]any{"port": "PORT"}, "periodSeconds": 1, "failureThreshold": 60}
	}
	if proxy.sidecar() {
		return "Give it a startupProbe: the next container starts when it succeeds:\n\n" +
			indentOr(p.fixContainers(edit{proxy.Name, map[string]any{"startupProbe": probe}}), p.injected(proxy, softwareOf(proxy.Container)))
	}
	return "Make it a native sidecar with a startupProbe, for which the next container waits:\n\n" + p.moveFix(proxy, -1, probe)
}
