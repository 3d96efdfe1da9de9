package pods

import (
	"fmt"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// How a pod that is held open comes to an end, where software that made it has a hand in that. Nothing here loses
// results that somebody may still want: what prints them comes before what deletes them.

// readerSteps are for a container that the software which made the pod needs after the work.
func (p subject) readerSteps(h *held, c container) []checks.Step {
	r := h.runner
	out := []checks.Step{{Text: fmt.Sprintf("%s. Do not make a native sidecar of %s: the kubelet would stop it as soon as the work is done, before %s has what it needs.", r.Look, c.Name, r.Name)}}
	if r.Save == "" {
		return append(out, checks.Step{Text: "See what it is doing; what it has not saved is lost with the pod:", Command: p.logsCommand(c)})
	}
	return append(out,
		checks.Step{Text: "Save the result, which is lost with the pod:", Command: p.execCommand(c, r.Save)},
		p.deleteStep("Then delete the pod"),
		checks.Step{Text: fmt.Sprintf("Or let it complete: stop %s as %s does:", c.Name, r.Name), Command: p.execCommand(c, r.Release)})
}

// runnerSteps are for any other container of a pod that such software made.
func (p subject) runnerSteps(h *held, c container) []checks.Step {
	r, out := h.runner, []checks.Step{}
	if r.Stops != "" {
		out = append(out, checks.Step{Text: fmt.Sprintf("%s. %s.", strings.ReplaceAll(r.Stops, "NAME", c.Name), r.Look)}, p.logStep(c))
		if len(p.makers) == 0 {
			out = append(out, p.deleteStep("If nothing of it is needed anymore, delete the pod"))
		}
		if step := p.injectedStep(c); step != nil {
			out = append(out, *step)
		}
		return out
	}
	if len(p.makers) == 0 {
		out = append(out, p.deleteStep("If nothing of it is needed anymore, delete the pod"))
	}
	if step := p.injectedStep(c); step != nil {
		return append(out, *step)
	}
	s := p.native()
	if len(s.lacks) > 0 {
		return append(out, p.fallback(c, s, onlyToStop)...)
	}
	e, moved := setAlways(c.Name)[0], c
	moved.init = true
	if h.failed() != nil {
		if probe := p.probeOf(c); probe.plain() && probe.fields != nil {
			e.fields["startupProbe"] = probe.fields
		}
	}
	return append(out, checks.Step{
		Text: strings.Join(append([]string{"Make it a native sidecar, which the kubelet stops when the last regular container has exited"},
			append(s.conditions(), "Move it to "+r.Template)...), ". ") + ":",
		Command: snippet(moved, []edit{e}), Language: checks.YAML,
	})
}

func (p subject) deleteStep(text string) checks.Step {
	return checks.Step{Text: text + ":", Command: prose.Shell("kubectl delete pod %s -n %s", p.Name, p.Namespace)}
}

// execCommand runs a command of a few plain words in a container.
func (p subject) execCommand(c container, words string) string {
	return prose.Shell("kubectl exec %s -n %s -c %s -- ", p.Name, p.Namespace, c.Name) + words
}

// moveAll makes native sidecars of all containers of a list in one patch, the first of them with a startup probe that is
// known already.
func (p subject) moveAll(text string, h *held, list []container, first newProbe) []checks.Step {
	if len(list) == 1 {
		return p.moveWithProbe(text, list[0], -1, first)
	}
	t := p.inTemplate(list[0])
	also := func(at string) []op { return append(first.ops(at, t), p.movesAfter(h, list, at)...) }
	return append(p.moveSteps(text, list[0], -1, nil, also), first.notes()...)
}

// endsSidecars reports whether the pod has a workaround that ends its sidecars, which takes them a moment longer.
func (p subject) endsSidecars() bool {
	for _, find := range []func(subject) []string{killsByProcess, signalsByFile, quitsByCall, quitsWhenIdle} {
		if len(find(p)) > 0 {
			return true
		}
	}
	return false
}
