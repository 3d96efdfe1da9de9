package pods

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
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

// movesAfter moves all but the first container of a list behind the first, which is at a path by then.
func (p subject) movesAfter(h *held, list []container, at string) []op {
	m, moved := p.target(), []int{}
	_, _, from := m.container(list[0].Name)
	moved = append(moved, from)
	to := path.Base(at)
	place, err := strconv.Atoi(to)
	if err != nil {
		return nil
	}
	var out []op
	for _, c := range list[1:] {
		found, init, i := m.container(c.Name)
		if found == nil || init || p.injected(c.Name) {
			continue
		}
		left := i
		for _, j := range moved {
			if j < i {
				left--
			}
		}
		moved = append(moved, i)
		place++
		source, target := fmt.Sprintf("%s/%d", m.listPath(false), left), fmt.Sprintf("%s/%d", m.listPath(true), place)
		out = append(out, op{Op: "test", Path: source + "/name", Value: c.Name}, op{Op: "move", From: source, Path: target})
		if !facts.RestartsAlways(found) {
			out = append(out, op{Op: "add", Path: target + "/restartPolicy", Value: string(corev1.RestartPolicyAlways)})
		}
		if h.failed() != nil {
			out = append(out, p.probeOf(c).ops(target, found)...)
		}
	}
	return out
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
