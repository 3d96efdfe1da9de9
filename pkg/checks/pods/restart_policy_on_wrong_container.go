package pods

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

var restartPolicyOnWrongContainer = podCheck(checks.Check{
	ID:      "restart-policy-on-wrong-container",
	Title:   "restartPolicy: Always is on the init container that runs the server",
	Uses:    slices.Concat(timed, owned),
	Advises: []facts.Kind{facts.Nodes, facts.Kubelets},
}, func(p subject) (*checks.Finding, []facts.Gap) {
	if f := p.regularFinding(); f != nil {
		return f, nil
	}
	c, list := p.server()
	if c == nil || p.startedAt(*c).below(young(list)) || p.startedAt(*c).untold(young(list)) && !software.AnyStrong(list) {
		return nil, nil // init-container-never-exits says what is not known
	}
	if wrong := p.movedFrom(*c); wrong != nil {
		return p.movedFinding(*c, *wrong, list), nil
	}
	wrong := p.misplaced(*c)
	if wrong == nil || p.lossOf(*c) != nil {
		return nil, nil
	}
	f := &checks.Finding{
		Container: c.Name,
		Message: fmt.Sprintf("restartPolicy: Always is on %s, but the server is %s: the pod waits forever for %s to exit, %s",
			wrong.Name, c.Name, c.Name, p.startedAt(*c).words()),
		Evidence: append(software.Texts(list), p.misplacedEvidence(*c, *wrong)...),
	}
	f.Steps = p.editSteps("Move it to the other container", *c, edit{wrong.Name, map[string]any{"restartPolicy": nil}}, setAlways(c.Name)[0])
	return f, nil
})

func (p subject) misplacedEvidence(c, wrong container) []string {
	out := []string{p.stateEvidence(c), fmt.Sprintf("spec.initContainers[name=%q].restartPolicy: Always", wrong.Name)}
	if end := wrong.ended(); end != nil && end.ExitCode == 0 {
		return append(out, fmt.Sprintf("%s has done its work and is restarted again and again: %s, restartCount: %d", wrong.Name, exit(end), wrong.restarts()))
	}
	return append(out, fmt.Sprintf("%s shows no sign of a server: no port, no probe, no known software", wrong.Name))
}

// movedFinding: nobody sent it like that. A webhook whose patch names containers by their place has hit another one,
// because somebody inserted a container before it.
func (p subject) movedFinding(c, wrong container, list []software.Sign) *checks.Finding {
	f := &checks.Finding{
		Container: c.Name,
		Message: fmt.Sprintf("restartPolicy: Always was moved at admission, from %s to %s: the pod waits forever for %s to exit, %s",
			c.Name, wrong.Name, c.Name, p.startedAt(c).words()),
		Evidence: append(software.Texts(list), p.misplacedEvidence(c, wrong)...),
	}
	if l := p.lossOf(c); l != nil {
		f.Evidence = append(f.Evidence, l.evidence...)
	} else {
		f.Evidence = append(f.Evidence, p.injectedEvidence(c.Name)...)
	}
	f.Evidence = append(f.Evidence, p.injectedEvidence(wrong.Name)...)
	if m, ok := p.nearest(); ok && !p.injected(wrong.Name) {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s has no restartPolicy on %s in its template", m.resource+" "+m.Name, wrong.Name))
	}
	if names := p.s.podWebhooks(); len(names) > 0 {
		f.Evidence = append(f.Evidence, "mutating webhooks for pods: "+strings.Join(names, ", ")+" (not all of them are necessarily called in this namespace)")
	}
	f.Steps = []checks.Step{
		{Text: "Find out which webhook moves it:", Command: "kubectl sidecar doctor --checks webhook-moves-restart-policy"},
		{
			Text:    "Update that webhook, or the injector whose patch it disturbs. Until then keep it away from these pods by its objectSelector or namespaceSelector. The templates are right: a patch of the owner does not help. How:",
			Command: "kubectl sidecar explain webhook-moves-restart-policy",
		},
	}
	f.Steps = append(f.Steps, p.recreateSteps()...)
	return f
}
