package manifests

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

var sidecarInJob = podCheck(checks.Check{
	ID:       "sidecar-in-job",
	Title:    "nothing keeps running in a Job after the work is done",
	Severity: checks.Error,
}, func(p *pod) []checks.Finding {
	if !p.Completes() {
		return nil
	}
	var out []checks.Finding
	for _, c := range p.mains {
		j := p.of(c)
		if !p.holds(j) {
			continue
		}
		evidence, steps := p.signalQuotes(j), p.moveSteps(c)
		if !p.isSidecar(j) {
			evidence, steps = append(commandQuote(c), evidence...), p.endlessSteps(c)
		}
		if volume := p.judged.HandsOn(c.Name); volume != "" {
			steps = append(steps, do("%s is told to exit (SIGTERM) as soon as the work has exited: what it has not done with volume %s by then is lost, unless it does that on the signal.", c.Name, volume))
		}
		out = append(out, p.finding(c, p.at(c), fmt.Sprintf("%s keeps running after %s, so the %s never completes", c.Name, p.workDone(c), p.unit()),
			evidence, steps...))
	}
	return out
})

// holds reports whether a regular container keeps a pod from completing: it is a sidecar, and nobody stops it.
func (p *pod) holds(j *roles.Container) bool {
	switch {
	case j == nil || len(p.mains) < 2:
		return false
	case len(p.edgesTo(j.Name, roles.Stops)) > 0 || p.workedAround(j.Name):
		return false // by whatever workaround: others say whether that works
	case p.isSidecar(j):
		return true
	}
	return j.Endless() && slices.ContainsFunc(p.mains, func(c *container) bool { return p.of(c) != nil && !p.of(c).Endless() })
}

// isSidecar reports whether it is there for others.
func (p *pod) isSidecar(j *roles.Container) bool {
	return j.Role == roles.Sidecar || j.Role == roles.Ask && (signal(j, roles.ServerInJob) != nil || j.Trusted() > 0)
}

// endlessSteps say what to do about a container of which only that is known that it never exits: it waits for nobody, so
// it gets no probe.
func (p *pod) endlessSteps(c *container) []checks.Step {
	return []checks.Step{write(fmt.Sprintf("If %s is there for the others, move it to the end of initContainers, and write into it:", c.Name), "restartPolicy: Always")}
}

// workDone is when the work is over.
func (p *pod) workDone(c *container) string {
	var others []string
	for _, m := range p.mains {
		if j := p.of(m); m.Name != c.Name && !p.holds(j) {
			others = append(others, m.Name)
		}
	}
	if len(others) != 1 {
		return "the work is done"
	}
	return others[0] + " has exited"
}

// unit is what is to complete.
func (p *pod) unit() string {
	if p.Is("CronJob") {
		return "Job"
	}
	return p.Kind
}
