package pods

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var restartPolicyOnWrongContainer = podCheck(checks.Check{
	ID:      "restart-policy-on-wrong-container",
	Title:   "restartPolicy: Always is on the init container that runs the server",
	Uses:    slices.Concat(timed, owned),
	Advises: []facts.Kind{facts.Nodes, facts.Kubelets},
}, func(p subject) (*checks.Finding, []facts.Gap) {
	c, list := p.server()
	if c == nil || p.startedAt(*c).below(young(list)) || p.startedAt(*c).untold(young(list)) && !strong(list) {
		return nil, nil // init-container-never-exits says what is not known
	}
	wrong := p.misplaced(*c)
	if wrong == nil || p.lossOf(*c) != nil {
		return nil, nil
	}
	f := &checks.Finding{
		Container: c.Name,
		Message: fmt.Sprintf("restartPolicy: Always is on %s, but the server is %s: the pod waits forever for %s to exit, %s",
			wrong.Name, c.Name, c.Name, p.startedAt(*c).words()),
		Evidence: append(texts(list), p.stateEvidence(*c),
			fmt.Sprintf("spec.initContainers[name=%q].restartPolicy: Always", wrong.Name)),
	}
	if end := wrong.ended(); end != nil && end.ExitCode == 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s has done its work and is restarted again and again: %s, restartCount: %d", wrong.Name, exit(end), wrong.restarts()))
	} else {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s shows no sign of a server: no port, no probe, no known software", wrong.Name))
	}
	f.Steps = p.editSteps("Move it to the other container", *c, edit{wrong.Name, map[string]any{"restartPolicy": nil}}, setAlways(c.Name)[0])
	return f, nil
})
