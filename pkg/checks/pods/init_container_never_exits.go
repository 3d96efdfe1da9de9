package pods

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
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
	if running.untold(young(list)) && !software.AnyStrong(list) {
		return nil, p.noClock("init container " + c.Name + " has been running")
	}
	f := &checks.Finding{
		Container: c.Name,
		Message: fmt.Sprintf("init container %s has been running %s and looks like a sidecar: without restartPolicy: Always the pod waits forever for it to exit",
			c.Name, running.words()),
		Evidence: append(software.Texts(list), p.stateEvidence(*c), plainEvidence(*c)),
		Steps:    append(p.makeSidecar(*c), p.afterInjector(*c)...),
	}
	f.Evidence = slices.Concat(f.Evidence, p.s.oldCluster(), p.injectedEvidence(c.Name), p.lastWords(*c, 3))
	if p.lossOf(*c) != nil && p.movedFrom(*c) == nil {
		f.Because = append(f.Because, restartPolicyStripped.ID)
		f.Steps = []checks.Step{{Text: "Its template is right: do what restart-policy-stripped says."}}
	} else if p.misplaced(*c) != nil {
		f.Because = append(f.Because, restartPolicyOnWrongContainer.ID)
		f.Steps = []checks.Step{{Text: "Do what restart-policy-on-wrong-container says."}}
	}
	return f, nil
})

// oldCluster says of a cluster whose kubelets are all older than native sidecars that the field may have been sent: an
// API server that old drops it, and managedFields do not note what it does not know.
func (s *scene) oldCluster() []string {
	list := s.cluster.Nodes()
	newer := func(n cluster.Node) bool { return n.Version == nil || gate.Minor(n.Version) >= gate.FirstMinor }
	if len(list) == 0 || slices.ContainsFunc(list, newer) {
		return nil
	}
	return []string{"every kubelet that was seen is older than 1.28: an API server that is as old drops restartPolicy, which may have been sent"}
}

// plainEvidence is why an init container is no sidecar. From 1.35 on it may have another restartPolicy.
func plainEvidence(c container) string {
	if c.RestartPolicy != nil {
		return fmt.Sprintf("spec.initContainers[name=%q].restartPolicy: %s: only Always makes a sidecar", c.Name, *c.RestartPolicy)
	}
	return fmt.Sprintf("spec.initContainers[name=%q].restartPolicy is absent", c.Name)
}

// server is the plain init container that the pod waits for, when it runs and looks like a server.
func (p subject) server() (*container, []software.Sign) {
	if !p.starting() {
		return nil, nil
	}
	i := slices.IndexFunc(p.inits, func(c container) bool { return !c.sidecar() && c.running() })
	if i < 0 {
		return nil, nil
	}
	c := &p.inits[i]
	list := software.Signs(c.Container)
	// What was meant to be a sidecar may show it only where it was meant.
	for _, m := range p.makers {
		if found, _, _ := m.container(c.Name); found != nil && len(list) == 0 {
			list = software.Signs(found)
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
	if c.StartupProbe != nil {
		return p.nativeSteps(text, c, edit)
	}
	probe := p.probeOf(c).unopened()
	if probe.fields != nil {
		text += ", with a startup probe so the next container waits until it answers"
	}
	return p.editWithProbe(text, c, probe, edit.fields)
}

// misplaced is the sidecar that has the restartPolicy which server c lacks: one that shows no sign of
// a server, or that has exited on its own with success; nil when there is none.
func (p subject) misplaced(c container) *container {
	i := slices.IndexFunc(p.inits, func(x container) bool {
		if !x.sidecar() || x.Name == c.Name {
			return false
		}
		end := x.ended()
		return end != nil && end.ExitCode == 0 || len(software.Signs(x.Container)) == 0
	})
	if i < 0 {
		return nil
	}
	return &p.inits[i]
}
