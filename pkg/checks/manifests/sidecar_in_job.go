package manifests

import (
	"fmt"

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
		out = append(out, p.finding(c, p.at(c), fmt.Sprintf("%s keeps running after %s, so the %s never completes", c.Name, p.workDone(c), p.unit()),
			p.signalQuotes(j), p.moveSteps(c)...))
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
	case j.Role == roles.Sidecar:
		return true
	}
	return j.Role == roles.Ask && (signal(j, roles.ServerInJob) != nil || j.Trusted() > 0)
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
