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
	ID:      "sidecar-start-race",
	Title:   "sidecars listen before the containers that need them start",
	Uses:    slices.Concat(timed, owned, []facts.Kind{facts.Logs}),
	Advises: versioned,
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if p.deleting() || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed && p.historical() {
		return nil, nil
	}
	for _, c := range p.mains {
		if !p.mayHaveRaced(c) {
			continue
		}
		if proxy, proof := p.raced(c); proxy != nil {
			return &checks.Finding{
				Container: c.Name,
				Message:   fmt.Sprintf("container %s exited (%s) because %s did not listen yet: nothing makes it wait", c.Name, exit(c.ended()), proxy.role()),
				Evidence:  slices.Concat([]string{proof}, p.ending(c), []string{p.startOf(*proxy), listens(*proxy)}),
				Steps:     p.raceSteps(*proxy),
			}, nil
		}
	}
	return nil, nil
})

// mayHaveRaced reports whether a regular container failed not long ago, and not again and again.
func (p subject) mayHaveRaced(c container) bool {
	if !c.failed() || softwareOf(c.Container) != nil {
		return false
	}
	if c.restarts() > fewRestarts && !(c.running() && c.status.Ready) {
		return false // it fails whether the sidecar listens or not
	}
	return !c.running() || ageOf(p.s.Snapshot, c.ended().FinishedAt).below(recent) // else it got over it: history
}

// raced is the sidecar that a container was too early for, with the proof: what it says itself, or else the times.
func (p subject) raced(c container) (*container, string) {
	lines := slices.Concat(p.logs(c), strings.Split(c.ended().Message, "\n"))
	silent := len(lines) <= 1
	for _, proxy := range p.all() {
		if proxy.Name == c.Name || proxy.init && !proxy.sidecar() || proxy.sidecar() && proxy.StartupProbe != nil || !proxy.ran() {
			continue
		}
		proof := saysRefused(c, proxy, lines)
		if proof == "" && silent {
			proof = endedTooSoon(c, proxy)
		}
		if proof != "" {
			return &proxy, proof
		}
	}
	return nil, ""
}

// saysRefused is the line in which a container says that the proxy refused its connection; "" when there is none.
func saysRefused(c, proxy container, lines []string) string {
	ports := portsOf(proxy.Container)
	for _, line := range lines {
		if port := refusedPort(line); port > 0 && slices.Contains(ports, port) {
			return "log of " + c.Name + ": " + prose.OneLine(line)
		}
	}
	return ""
}

// endedTooSoon is that a container whose log was not seen exited right after the start of known software, which has
// not failed, and has run since; "" when it is not so.
func endedTooSoon(c, proxy container) string {
	begin, end := firstStart([]container{proxy}), c.ended().FinishedAt
	if softwareOf(proxy.Container) == nil || proxy.failed() || !c.running() || c.restarts() > fewRestarts || begin.IsZero() || end.IsZero() {
		return ""
	}
	apart := end.Sub(begin)
	if apart >= headStart {
		return ""
	}
	return fmt.Sprintf("times: %s exited %s after %s was started, and has run since it was restarted; its log was not seen",
		c.Name, max(apart, 0).Round(time.Second), proxy.Name)
}

// failed reports whether a container has exited with an error in its current or last run.
func (c container) failed() bool { return c.ended() != nil && c.ended().ExitCode != 0 }

func (p subject) startOf(c container) string {
	return fmt.Sprintf("%s was started %s", c.Name, ageOf(p.s.Snapshot, metav1.NewTime(firstStart([]container{c}))).ago())
}

func listens(c container) string {
	if ports := portsOf(c.Container); len(ports) > 0 {
		return fmt.Sprintf("%s listens on %s", c.Name, portText(ports))
	}
	return fmt.Sprintf("%s is %s", c.Name, softwareOf(c.Container).Name)
}

// raceSteps add a startup probe to a native sidecar, or make one of a regular container.
func (p subject) raceSteps(proxy container) []checks.Step {
	probe := probeOf(proxy.Container)
	if probe == nil {
		probe = map[string]any{"tcpSocket": map[string]any{"port": "PORT"}, "periodSeconds": 1, "failureThreshold": 60}
	}
	if proxy.sidecar() {
		return p.editSteps("Give it a startupProbe, so the next container starts only when it listens", proxy, edit{proxy.Name, map[string]any{"startupProbe": probe}})
	}
	return p.moveSteps("Make it a native sidecar with a startupProbe, for which the next container waits", proxy, -1, probe)
}
