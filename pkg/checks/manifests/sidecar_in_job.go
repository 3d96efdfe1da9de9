package manifests

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

var sidecarInJob = openCheck(checks.Check{
	ID:       "sidecar-in-job",
	Title:    "nothing keeps running in a Job after the work is done",
	Severity: checks.Error,
}, func(p *pod) checks.Outcome {
	if !p.Completes() {
		return checks.Outcome{}
	}
	if p.noneExits() {
		return checks.Outcome{Findings: []checks.Finding{p.neverDone()}}
	}
	var out []checks.Finding
	for _, c := range p.mains {
		j := p.of(c)
		if !p.holds(j) {
			continue
		}
		evidence, steps := p.signalQuotes(j), p.moveSteps(c)
		switch {
		case p.isHelper(j):
			steps = p.helperSteps(c)
		case !p.isSidecar(j):
			evidence, steps = append(commandQuote(c), evidence...), p.endlessSteps(c)
		}
		if volume := p.judged.HandsOn(c.Name); volume != "" {
			steps = append(steps, do("%s is told to exit (SIGTERM) as soon as the work has exited: what it has not done with volume %s by then is lost, unless it does that on the signal.", c.Name, volume))
		}
		out = append(out, p.finding(c, p.at(c), fmt.Sprintf("%s keeps running after %s, so the %s never completes", c.Name, p.workDone(c), p.unit()),
			evidence, steps...))
	}
	return checks.Outcome{Findings: out, Missing: p.unclear()}
})

// holds reports whether a regular container keeps a pod from completing: it is there for others, and nobody stops it.
func (p *pod) holds(j *roles.Container) bool {
	switch {
	case j == nil || len(p.mains) < 2 || p.stopped(j):
		return false
	case p.isSidecar(j), p.isHelper(j):
		return true
	}
	return j.Endless()
}

// stopped reports whether something is to stop a container, by whatever workaround: others say whether that works.
func (p *pod) stopped(j *roles.Container) bool {
	return len(p.edgesTo(j.Name, roles.Stops)) > 0 || p.workedAround(j.Name)
}

// isSidecar reports whether it is there for others.
func (p *pod) isSidecar(j *roles.Container) bool {
	return j.Role == roles.Sidecar || j.Role == roles.Ask && (signal(j, roles.ServerInJob) != nil || j.Trusted() > 0)
}

// isHelper reports whether it looks after the work, and goes on when there is none.
func (p *pod) isHelper(j *roles.Container) bool {
	return j.Role == roles.Helper && (signal(j, roles.ServerInJob) != nil || j.Software != nil || known.HelperOf(facts.ImageName(j.Image)) != nil)
}

// noneExits reports whether there are several regular containers, and the script of none can exit.
func (p *pod) noneExits() bool {
	return len(p.mains) > 1 && !slices.ContainsFunc(p.mains, func(c *container) bool {
		j := p.of(c)
		return j == nil || !j.Endless() || p.stopped(j)
	})
}

// neverDone is the finding about a pod none of whose containers exits.
func (p *pod) neverDone() checks.Finding {
	var names, evidence []string
	for _, c := range p.mains {
		names, evidence = append(names, c.Name), append(evidence, commandQuote(c)...)
	}
	return p.finding(p.mains[0], p.at(p.mains[0]), fmt.Sprintf("%s never exit, so the %s never completes", prose.List(names, "and"), p.unit()),
		evidence,
		do("Let the one that does the work exit when it is done."),
		write("Move the others to the end of initContainers, and write into each:", "restartPolicy: Always"))
}

// helperSteps say what to do about a container that needs the work, and goes on without it.
func (p *pod) helperSteps(c *container) []checks.Step {
	needs := "the work"
	for _, e := range p.judged.Edges {
		if e.From == c.Name && (e.Kind == roles.Calls || e.Kind == roles.Waits) {
			needs = e.To
		}
	}
	return []checks.Step{
		write(fmt.Sprintf("If %s can start before %s, move it to the end of initContainers, without a startupProbe, and write into it:", c.Name, needs), "restartPolicy: Always"),
		do("Otherwise have %s stop it when the work is done.", needs),
	}
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
