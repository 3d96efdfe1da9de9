package pods

import (
	"fmt"
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/software"
)

// editSteps say what to change in a container, with the command that makes the edits. Where the owner's template does
// not have the container, they say who has to.
func (p subject) editSteps(text string, c container, edits ...edit) []checks.Step {
	if makesNative(edits) {
		return p.edited(text, c, p.native().warnings(), edits)
	}
	return p.edited(text, c, nil, edits)
}

// edited are editSteps with notes for what has to be known before.
func (p subject) edited(text string, c container, notes []string, edits []edit) []checks.Step {
	if command := p.fixContainers(edits...); command != "" {
		return []checks.Step{p.changeStep(text, command, notes...)}
	}
	return append([]checks.Step{textStep(text, notes...)}, p.elsewhere(c, edits...)...)
}

// exampleSteps are editSteps whose values are examples.
func (p subject) exampleSteps(text string, c container, edits ...edit) []checks.Step {
	if p.fixContainers(edits...) != "" {
		text += " (the value is an example)"
	}
	return p.editSteps(text, c, edits...)
}

// nativeSteps make a native sidecar of an init container; where native sidecars do not run, they say what else helps.
func (p subject) nativeSteps(text string, c container, edits ...edit) []checks.Step {
	s := p.native()
	if len(s.lacks) > 0 {
		return p.fallback(c, s, beforeOthers)
	}
	return p.edited(text, c, s.conditions(), edits)
}

// moveSteps say to make a native sidecar of a container, before the init container at index to of the owner's
// template, with the command. Where native sidecars do not run, they say what else helps. more are further changes of
// the container.
func (p subject) moveSteps(text string, c container, to int, probe map[string]any, more ...func(at string) []op) []checks.Step {
	s := p.native()
	if len(s.lacks) > 0 && !c.sidecar() {
		return p.fallback(c, s, neededBy(to, probe))
	}
	var notes []string
	switch {
	case c.sidecar():
		notes = s.warnings()
	case c.init:
		notes = s.conditions()
	default:
		notes = append(s.conditions(), p.nativeNotes(c)...)
	}
	if command := p.fixMove(c.Name, to, probe, more...); command != "" {
		return []checks.Step{p.changeStep(text, command, notes...)}
	}
	fields := setAlways(c.Name)[0]
	if probe != nil {
		fields.fields["startupProbe"] = probe
	}
	c.init = true
	return append([]checks.Step{textStep(text, notes...)}, p.elsewhere(c, fields)...)
}

// neededBy is what a container that is moved before the init container at index to, with a probe, is needed for.
func neededBy(to int, probe map[string]any) need {
	switch {
	case to >= 0:
		return beforeInit
	case probe != nil:
		return beforeOthers
	}
	return onlyToStop
}

// textStep says what to do without a command.
func textStep(text string, notes ...string) checks.Step {
	return checks.Step{Text: strings.Join(append([]string{text}, notes...), ". ") + "."}
}

// elsewhere is where to make the edits of a container that is not known to be in the owner's template.
func (p subject) elsewhere(c container, edits ...edit) []checks.Step {
	m := p.target()
	switch {
	case p.static():
		return p.staticSteps(c, edits)
	case p.injected(c.Name):
		return p.injectorSteps(c, edits...)
	case m.template == nil:
		return []checks.Step{{
			Text:    fmt.Sprintf("In the template of %s %s/%s, which was not seen:", m.resource, m.Namespace, m.Name),
			Command: snippet(c, edits), Language: checks.YAML,
		}}
	}
	return []checks.Step{{Text: fmt.Sprintf("The template of %s %s/%s does not have %s any more: its next pods will not either.", m.resource, m.Namespace, m.Name, c.Name)}}
}

// injectorSwitches say how to tell the injector of known software what edits want.
func injectorSwitches(c container, edits []edit) string {
	k := software.Of(c.Container)
	if k == nil {
		return ""
	}
	out := ""
	for _, e := range edits {
		switch {
		case e.fields["restartPolicy"] != nil && k.Native != "":
			out += " For " + k.Name + ": " + k.Native + "."
		case e.fields["resources"] != nil && k.Memory != "":
			out += " For " + k.Name + ": " + k.Memory + "."
		}
	}
	return out
}

// snippet is the edits as a part of a pod spec.
func snippet(c container, edits []edit) string {
	out, list := "", "containers"
	if c.init {
		list = "initContainers"
	}
	var containers []any
	for _, e := range edits {
		fields := map[string]any{"name": e.container}
		maps.Copy(fields, e.fields)
		containers = append(containers, fields)
	}
	if text, err := yaml.Marshal(map[string]any{list: containers}); err == nil {
		out = strings.TrimSpace(string(text))
	}
	return out
}

// logStep shows what a container said last.
func (p subject) logStep(c container) checks.Step {
	return checks.Step{Text: "See what it says:", Command: p.logsCommand(c)}
}

// memorySteps are for a container that ran out of memory.
func (p subject) memorySteps(c container) []checks.Step {
	more := resource.MustParse("512Mi")
	if twice := c.Resources.Limits.Memory().DeepCopy(); twice.Mul(2) && twice.Cmp(more) > 0 {
		more = twice
	}
	limit := map[string]any{"resources": map[string]any{"limits": map[string]string{"memory": more.String()}}}
	return append(p.exampleSteps("Reduce its memory use, or raise its memory limit", c, edit{c.Name, limit}), p.logStep(c))
}

// describe is the command that shows all that the API server has of the pod.
func (p subject) describe() string {
	return prose.Shell("kubectl describe pod %s -n %s", p.Name, p.Namespace)
}
