package pods

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// A need is what a native sidecar is for, besides not keeping the pod from completing.
type need int

const (
	// onlyToStop is nothing besides.
	onlyToStop need = iota
	// beforeOthers is that regular containers need it when they start.
	beforeOthers
	// beforeInit is that an init container needs it.
	beforeInit
)

// fallback is what to do where native sidecars do not run: what to upgrade, and how the pod works until then. c is the
// container that would be one.
func (p subject) fallback(c container, s support, need need) []checks.Step {
	text := "It should be a native sidecar, and those do not run where the pod can go: " + whats(s.lacks) +
		". Bring API servers and kubelets, in this order, to 1.29 or later with the gate on"
	if s.others {
		text += ", or keep the pod on nodes that have that"
	}
	var pages []string
	for _, l := range s.lacks {
		pages = prose.AddOnce(pages, "kubectl sidecar explain "+l.page)
	}
	out := []checks.Step{{Text: text + "; then ask again. How:", Command: strings.Join(pages, "\n")}}
	if c.init {
		out = append(out, p.demoteSteps(c)...)
	}
	switch {
	case need == beforeInit:
		out = append(out, checks.Step{Text: "Until then do the work that needs " + c.Name + " in a regular container: an init container has to exit before " + c.Name + " starts."})
	case need == beforeOthers, c.init:
		out = append(out, waitStep(c))
	}
	if p.Spec.RestartPolicy != corev1.RestartPolicyAlways {
		out = append(out, p.quitStep(c))
	}
	return out
}

// demoteSteps make a regular container of a plain init container that does not exit.
func (p subject) demoteSteps(c container) []checks.Step {
	const text = "Until then make it a regular container, which starts along with the others"
	m := p.target()
	found, init, i := m.container(c.Name)
	if found == nil || !init {
		return []checks.Step{{Text: text + "."}}
	}
	from, at := fmt.Sprintf("%s/%d", m.listPath(true), i), m.listPath(false)+"/0"
	ops := []op{{Op: "test", Path: from + "/name", Value: c.Name}, {Op: "move", From: from, Path: at}}
	return []checks.Step{p.changeStep(text, p.command(m, "json", encode(ops)))}
}

// waitStep says how the other containers wait for one that starts along with them.
func waitStep(c container) checks.Step {
	text := "Until then let the containers that use " + c.Name + " try again until it answers"
	if k := software.Of(c.Container); k != nil && k.Wait != "" {
		return checks.Step{Text: fmt.Sprintf("%s, or start their program only after this, which waits for %s:", text, k.Name), Command: k.Wait}
	}
	return checks.Step{Text: text + ", or start their program with a wrapper that waits for that."}
}

// quitStep says how a pod that is to complete gets rid of a container that does not exit.
func (p subject) quitStep(c container) checks.Step {
	text := fmt.Sprintf("Until then let the container that does the work stop %s when its program has exited, and exit with the program's exit code", c.Name)
	if k := software.Of(c.Container); k != nil && k.Quit != nil {
		if k.Quit.Needs != "" {
			text += " (this requires " + k.Quit.Needs + ")"
		}
		return checks.Step{
			Text:    text + ":",
			Command: prose.Shell("curl -fsS -X %s %s", k.Quit.Method, fmt.Sprintf("http://localhost:%d%s", k.Quit.Port, k.Quit.Path)),
		}
	}
	return checks.Step{Text: text + ": by a file in a shared emptyDir that " + c.Name + " waits for, or, with shareProcessNamespace, by a signal."}
}
