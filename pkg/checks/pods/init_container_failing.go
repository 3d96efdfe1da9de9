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
	Title: "every init container succeeds",
	Uses:  slices.Concat(timed, owned, []facts.Kind{facts.Logs}),
}, func(p subject) (*checks.Finding, []facts.Gap) {
	c := p.blocked()
	if c == nil || c.sidecar() || c.running() || !c.failed() {
		return nil, nil
	}
	f := &checks.Finding{
		Container: c.Name,
		Message:   fmt.Sprintf("init container %s fails: %s, %s", c.Name, exit(c.ended()), prose.Counted(int(c.restarts()), "restart")),
		Evidence:  append(p.ending(*c), p.lastWords(*c, 5)...),
		Steps:     []checks.Step{p.logStep(*c)},
	}
	if later, _, _ := p.needs(*c); later != nil {
		f.Because = []string{initContainerBeforeSidecar.ID}
	} else {
		f.Message += "; the pod waits for it, and no sidecar is to blame"
	}
	if c.ended().Reason == oomKilled {
		f.Evidence = append(f.Evidence, memoryLimit(*c))
		f.Steps = p.memorySteps(*c)
	}
	return f, nil
})
