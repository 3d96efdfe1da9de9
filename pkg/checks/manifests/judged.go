package manifests

import (
	"fmt"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// What the checks ask of the roles of containers.

// of is a container as it was judged.
func (p *pod) of(c *container) *roles.Container {
	for i := range p.judged.Containers {
		if o := &p.judged.Containers[i]; o.Init == c.init && o.Index == c.index {
			return o
		}
	}
	return nil
}

// edges are what containers have to do with one, of some kinds.
func (p *pod) edgesTo(name string, kinds ...roles.EdgeKind) []roles.Edge {
	var out []roles.Edge
	for _, e := range p.judged.Edges {
		if e.To == name && slices.Contains(kinds, e.Kind) {
			out = append(out, e)
		}
	}
	return out
}

// signal is a signal of a container; nil where it has none of that kind.
func signal(c *roles.Container, kind roles.SignalKind) *roles.Signal {
	if i := slices.IndexFunc(c.Signals, func(s roles.Signal) bool { return s.Kind == kind }); i >= 0 {
		return &c.Signals[i]
	}
	return nil
}

// quotes are fields as evidence: initContainers[name="proxy"].args[2]: --port=5432.
func (p *pod) quotes(list []roles.Evidence) []string {
	var out []string
	for _, e := range list {
		text := workload.FieldName(p.Spec(), e.Path)
		if e.Quote != "" {
			text += ": " + e.Quote
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// signalQuotes are all signals of a container as evidence.
func (p *pod) signalQuotes(c *roles.Container) []string {
	var out []string
	for _, s := range c.Signals {
		out = append(out, p.quotes(s.Evidence)...)
	}
	if len(out) == 0 {
		out = []string{fmt.Sprintf("container %s, image %s", c.Name, c.Image)}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// moveSteps say how to make a native sidecar of a container.
func (p *pod) moveSteps(c *container) []checks.Step {
	text := fmt.Sprintf("Move %s to the end of initContainers, and write into it:", c.Name)
	if c.init {
		text = fmt.Sprintf("Make a native sidecar of %s:", c.Name)
	}
	out := []checks.Step{write(text, "restartPolicy: Always")}
	if c.RestartPolicy != nil && !facts.RestartsAlways(c.Container) {
		out = append(out, do("That is instead of its restartPolicy: %s, so it is restarted whenever it exits: if it has to stay as it is, leave it where it is.", *c.RestartPolicy))
	}
	if len(c.RestartPolicyRules) > 0 {
		out = append(out, do("Take its restartPolicyRules out: the API server rejects them for native sidecars."))
	}
	return append(out, p.probeSteps(c)...)
}

// workedAround reports whether something is there that is to stop a container when the work is done.
func (p *pod) workedAround(name string) bool {
	return slices.ContainsFunc(p.judged.Workarounds, func(w roles.Workaround) bool {
		told := w.Kind != roles.MarkerFile || !p.judged.WaitsForFile(w.Container, w.Sidecar) // else the file says that it is there
		return w.Sidecar == name && slices.Contains(stopping, w.Kind) && told
	})
}

var stopping = []roles.WorkaroundKind{
	roles.QuitCall, roles.SharedProcesses, roles.MarkerFile, roles.Kubexit, roles.Scuttle, roles.LinkerdAwait, roles.Kruise, roles.ExitWhenIdle, roles.SidecarRun,
}
