package pods

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var initContainerNeverExits = podCheck(checks.Check{
	ID:      "init-container-never-exits",
	Title:   "init containers that run servers have restartPolicy: Always",
	Uses:    slices.Concat(timed, owned, []facts.Kind{facts.Logs}),
	Advises: versioned,
}, func(p subject) (*checks.Finding, []facts.Gap) {
	c, list := p.server()
	if c == nil {
		return nil, nil
	}
	running := p.startedAt(*c)
	if running.below(young(list)) {
		return nil, nil
	}
	if running.untold(young(list)) && !strong(list) {
		return nil, p.noClock("init container " + c.Name + " has been running")
	}
	f := &checks.Finding{
		Container: c.Name,
		Message: fmt.Sprintf("init container %s has been running %s and looks like a sidecar: without restartPolicy: Always the pod waits forever for it to exit",
			c.Name, running.words()),
		Evidence: append(texts(list), p.stateEvidence(*c), fmt.Sprintf("spec.initContainers[name=%q].restartPolicy is absent", c.Name)),
		Steps:    p.makeSidecar(*c),
	}
	f.Evidence = append(f.Evidence, p.lastWords(*c, 3)...)
	if p.lossOf(*c) != nil {
		f.Because = append(f.Because, restartPolicyStripped.ID)
		f.Steps = []checks.Step{{Text: "Its template is right: do what restart-policy-stripped says."}}
	} else if p.misplaced(*c) != nil {
		f.Because = append(f.Because, restartPolicyOnWrongContainer.ID)
		f.Steps = []checks.Step{{Text: "Do what restart-policy-on-wrong-container says."}}
	}
	return f, nil
})

// server is the plain init container that the pod waits for, when it runs and looks like a server.
func (p subject) server() (*container, []sign) {
	if !p.starting() {
		return nil, nil
	}
	i := slices.IndexFunc(p.inits, func(c container) bool { return !c.sidecar() && c.running() })
	if i < 0 {
		return nil, nil
	}
	c := &p.inits[i]
	list := signs(c.Container)
	// What was meant to be a sidecar may show it only where it was meant.
	for _, m := range p.makers {
		if found, _, _ := m.container(c.Name); found != nil && len(list) == 0 {
			list = signs(found)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	return c, list
}

// makeSidecar makes a native sidecar of it, with a startup probe where the port to ask is known.
func (p subject) makeSidecar(c container) []checks.Step {
	edit, text := setAlways(c.Name)[0], "Make it a native sidecar"
	switch probe := probeOf(c.Container); {
	case c.StartupProbe != nil:
	case probe != nil:
		edit.fields["startupProbe"] = probe
		text += ", with a startup probe so the next container waits until it answers"
	default:
		text += " (with a startupProbe the next container also waits until it answers)"
	}
	return p.nativeSteps(text, c, edit)
}

// misplaced is the sidecar that has the restartPolicy which server c lacks: one that shows no sign of
// a server, or that has exited on its own with success; nil when there is none.
func (p subject) misplaced(c container) *container {
	i := slices.IndexFunc(p.inits, func(x container) bool {
		if !x.sidecar() || x.Name == c.Name {
			return false
		}
		end := x.ended()
		return end != nil && end.ExitCode == 0 || len(signs(x.Container)) == 0
	})
	if i < 0 {
		return nil
	}
	return &p.inits[i]
}
