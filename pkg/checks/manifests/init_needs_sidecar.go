package manifests

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

var initNeedsSidecar = podCheck(checks.Check{
	ID:       "init-needs-sidecar",
	Title:    "what an init container needs has started before it",
	Severity: checks.Error,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.inits {
		seen := map[string]bool{}
		for _, e := range p.judged.Edges {
			to := p.named(e.To)
			if e.From != c.Name || e.Kind != roles.Calls && e.Kind != roles.Waits || to == nil || seen[e.To] || e.Certainty == roles.Low {
				continue
			}
			if to.init && to.index < c.index || to.init && !to.native() {
				continue
			}
			seen[e.To] = true
			out = append(out, p.neededLater(c, to, e))
		}
	}
	return out
})

func (p *pod) neededLater(c, to *container, e roles.Edge) checks.Finding {
	verb := "connects to"
	if e.Kind == roles.Waits {
		verb = "waits for"
	}
	evidence := p.quotes(e.Evidence)
	place := p.at(c)
	if len(e.Evidence) > 0 {
		place = p.placeIn(e.Evidence[0])
	}
	if to.init {
		return p.finding(c, place, fmt.Sprintf("init container %s %s native sidecar %s, which starts after it", c.Name, verb, to.Name),
			append(evidence, fmt.Sprintf("initContainers[%d] is %s, initContainers[%d] is %s", c.index, c.Name, to.index, to.Name)),
			do("Move %s before %s in initContainers.", to.Name, c.Name))
	}
	steps := []checks.Step{write(fmt.Sprintf("Move %s to initContainers, before %s, and write into it:", to.Name, c.Name), "restartPolicy: Always")}
	if feeder, _ := p.judged.FedTooLate(p.judged.Container(to.Name)); feeder != "" {
		steps = append(steps, do("Move %s, which writes what %s reads, to the place before it.", feeder, to.Name))
	}
	return p.finding(c, place, fmt.Sprintf("init container %s %s %s, which starts after all init containers", c.Name, verb, to.Name),
		append(evidence, to.field("name")+" is a regular container"), append(steps, p.probeSteps(to)...)...)
}
