package manifests

import (
	"fmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
)

var serverAsInitContainer = podCheck(checks.Check{
	ID:       "server-as-init-container",
	Title:    "every init container without restartPolicy: Always exits",
	Severity: checks.Error,
}, func(p *pod) []checks.Finding {
	var out []checks.Finding
	for _, c := range p.inits {
		j := p.of(c)
		if j == nil || j.Role == roles.OneShot {
			continue
		}
		s := signal(j, roles.NeverExits)
		if s == nil || s.Certainty == roles.Low {
			continue
		}
		message := fmt.Sprintf("init container %s is a server and has no restartPolicy: Always: the pod waits forever for it to exit", c.Name)
		evidence := append(p.quotes(s.Evidence), c.field("restartPolicy")+" is not set")
		steps := p.moveSteps(c)
		for _, n := range p.natives {
			if o := p.of(n); o != nil && p.oneShot(o) {
				message += fmt.Sprintf(", and %s has it, which is no server", n.Name)
				evidence = append(evidence, n.field("restartPolicy: Always"))
				steps = append(steps, do("Remove the field from %s.", n.Name))
			}
		}
		out = append(out, p.finding(c, p.at(c), message, evidence, steps...))
	}
	return out
})
