package pods

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

var initContainerFailing = podCheck(checks.Check{
	ID:    "init-container-failing",
	Title: "no plain init container ends with an error again and again",
	Uses:  slices.Concat(timed, owned, []facts.Kind{facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	c := p.blocked()
	if c == nil || c.sidecar() || c.running() || !p.failing(*c) {
		return nil, nil
	}
	f := &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("init container %s ends with %s (%s): the pod does not get past it; no sidecar is to blame", c.Name, exit(c.ended()), prose.Counted(int(c.restarts()), "restart")),
		Evidence:  append(p.ending(*c), p.lastWords(*c, 5)...),
		Fix:       "See what it says:\n\n" + prose.Indent(p.logsCommand(*c)),
	}
	if later, _, _ := p.needs(*c); later != nil {
		f.Message = fmt.Sprintf("init container %s ends with %s (%s)", c.Name, exit(c.ended()), prose.Counted(int(c.restarts()), "restart"))
		f.Because = []string{initContainerBeforeSidecar.ID}
	}
	if c.ended().Reason == oomKilled {
		f.Evidence = append(f.Evidence, memoryLimit(*c))
		f.Fix = "Give it more memory, or let it use less (the value is an example):\n\n" + indentOr(p.fixContainers(edit{c.Name, map[string]any{"resources": map[string]any{"limits": map[string]string{"memory": "512Mi"}}}}), p.injected(*c, softwareOf(c.Container))) + "\n\n" + f.Fix
	}
	return f, nil
})
