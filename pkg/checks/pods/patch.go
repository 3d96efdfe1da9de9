package pods

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A fix changes the owner of a pod, never the pod: the next pod would be as wrong. It is a patch
// that kubectl takes; of objects whose template cannot be changed (Jobs, bare pods) it is a
// pipeline that replaces them. Nothing else of the object is printed, so the fix also holds
// where a snapshot was redacted.

// An edit sets fields of one container; a nil value removes a field.
type edit struct {
	container string
	fields    map[string]any
}

// setAlways makes native sidecars of init containers.
func setAlways(names ...string) []edit {
	var out []edit
	for _, name := range names {
		out = append(out, edit{name, map[string]any{"restartPolicy": string(corev1.ContainerRestartPolicyAlways)}})
	}
	return out
}

// target is what has to be changed: the topmost maker, or the pod itself.
func (p subject) target() maker {
	if len(p.makers) > 0 {
		return p.makers[len(p.makers)-1]
	}
	return maker{
		Object: p.object(), meta: &p.ObjectMeta, path: "/spec", resource: "pod",
		template: &corev1.PodTemplateSpec{ObjectMeta: p.ObjectMeta, Spec: p.Spec},
	}
}

// fixContainers is the command that makes the edits; "" when a container is not in the template of
// the owner, because somebody injected it.
func (p subject) fixContainers(edits ...edit) string {
	m := p.target()
	edits = p.allowed(edits)
	if p.static() || m.custom && m.template == nil {
		return "" // the latter requires a JSON patch, and that an index
	}
	if slices.ContainsFunc(edits, func(e edit) bool { return p.injected(e.container) }) {
		return ""
	}
	if m.custom {
		var ops []op
		for _, e := range edits {
			found, init, i := m.container(e.container)
			if found == nil {
				return ""
			}
			ops = append(ops, setOps(m.listPath(init), i, found, e)...)
		}
		return p.command(m, "json", encode(ops))
	}
	lists := map[string][]any{}
	for _, e := range p.ordered(m, edits) {
		list := "containers"
		if found, init, _ := m.container(e.container); init || m.template == nil && p.isInit(e.container) {
			list = "initContainers"
		} else if found == nil && m.template != nil {
			return ""
		}
		fields := map[string]any{"name": e.container}
		for key, value := range e.fields {
			fields[key] = value
		}
		lists[list] = append(lists[list], fields)
	}
	return p.command(m, "strategic", encode(nest(m.path, lists)))
}

// allowed adds to edits that make a plain init container of a native sidecar what else has to go: a plain one may have
// neither probes nor hooks, and the API server rejects the patch.
func (p subject) allowed(edits []edit) []edit {
	var out []edit
	for _, e := range edits {
		value, set := e.fields["restartPolicy"]
		i := slices.IndexFunc(p.inits, func(c container) bool { return c.Name == e.container })
		if set && value == nil && i >= 0 {
			e.fields = maps.Clone(e.fields)
			for field, has := range map[string]bool{
				"startupProbe": p.inits[i].StartupProbe != nil, "readinessProbe": p.inits[i].ReadinessProbe != nil,
				"livenessProbe": p.inits[i].LivenessProbe != nil, "lifecycle": p.inits[i].Lifecycle != nil,
			} {
				if has {
					e.fields[field] = nil
				}
			}
		}
		out = append(out, e)
	}
	return out
}

// ordered puts edits into the order of the containers: a strategic merge patch also orders.
func (p subject) ordered(m maker, edits []edit) []edit {
	place := func(e edit) int {
		if _, _, i := m.container(e.container); i >= 0 {
			return i
		}
		return slices.IndexFunc(p.all(), func(c container) bool { return c.Name == e.container })
	}
	return slices.SortedStableFunc(slices.Values(edits), func(a, b edit) int { return cmp.Compare(place(a), place(b)) })
}

func (p subject) isInit(name string) bool {
	return slices.ContainsFunc(p.inits, func(c container) bool { return c.Name == name })
}

// An op is one operation of a JSON patch.
type op struct {
	Op    string `json:"op"`
	From  string `json:"from,omitempty"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func (m maker) listPath(init bool) string {
	if init {
		return m.path + "/initContainers"
	}
	return m.path + "/containers"
}

// setOps first tests that the container is where it was, so the patch cannot hit another one.
func setOps(list string, i int, c *corev1.Container, e edit) []op {
	at := fmt.Sprintf("%s/%d", list, i)
	out := []op{{Op: "test", Path: at + "/name", Value: c.Name}}
	var has map[string]any
	if json.Unmarshal([]byte(encode(c)), &has) != nil {
		has = nil
	}
	return append(out, mergeOps(at, has, e.fields)...)
}

// inPointer writes a key as a JSON pointer has it: names of devices have a slash.
var inPointer = strings.NewReplacer("~", "~0", "/", "~1")

// mergeOps sets fields below a path as a merge patch would: what is there already and is not named
// stays.
func mergeOps(at string, has, fields map[string]any) []op {
	var out []op
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		inner, both := fields[key].(map[string]any)
		old, was := has[key].(map[string]any)
		path := at + "/" + inPointer.Replace(key)
		switch {
		case fields[key] == nil && has[key] != nil:
			out = append(out, op{Op: "remove", Path: path})
		case fields[key] == nil:
		case both && was && len(old) > 0: // an empty one may not be there in the object itself
			out = append(out, mergeOps(path, old, inner)...)
		default:
			out = append(out, op{Op: "add", Path: path, Value: withoutNil(fields[key])})
		}
	}
	return out
}

// withoutNil drops what a merge patch would remove, where there is nothing to remove it from.
func withoutNil(value any) any {
	fields, ok := value.(map[string]any)
	if !ok {
		return value
	}
	out := map[string]any{}
	for key, inner := range fields {
		if inner != nil {
			out[key] = withoutNil(inner)
		}
	}
	return out
}

// fixMove is the command that moves a container into initContainers, before the one at index to (at
// the end when to is negative), makes it a native sidecar, and gives it a startup probe instead of a
// postStart hook where probe is not nil; "" when it is not in the owner's template. more are further changes of it.
func (p subject) fixMove(name string, to int, probe map[string]any, more ...func(at string) []op) string {
	m := p.target()
	c, init, i := m.container(name)
	if c == nil || p.static() || p.injected(name) {
		return ""
	}
	from := fmt.Sprintf("%s/%d", m.listPath(init), i)
	ops := []op{{Op: "test", Path: from + "/name", Value: name}}
	if len(m.template.Spec.InitContainers) == 0 {
		ops = append(ops, op{Op: "add", Path: m.listPath(true), Value: []any{}})
	}
	// A move removes first: from the same list, the end is one nearer.
	last := len(m.template.Spec.InitContainers)
	if init {
		last--
	}
	if to < 0 || to > last {
		to = last
	}
	at := fmt.Sprintf("%s/%d", m.listPath(true), to)
	ops = append(ops, op{Op: "move", From: from, Path: at})
	if !facts.RestartsAlways(c) {
		ops = append(ops, op{Op: "add", Path: at + "/restartPolicy", Value: "Always"})
	}
	if probe != nil {
		ops = append(ops, op{Op: "add", Path: at + "/startupProbe", Value: probe})
		if c.Lifecycle != nil && c.Lifecycle.PostStart != nil {
			ops = append(ops, op{Op: "remove", Path: at + "/lifecycle/postStart"})
		}
	}
	for _, change := range more {
		ops = append(ops, change(at)...)
	}
	return p.command(m, "json", encode(ops))
}

// command is the patch as a command, and what else it takes for pods to be recreated.
func (p subject) command(m maker, kind, patch string) string {
	object := prose.Shell("%s %s -n %s", m.resource, m.Name, m.Namespace)
	switch m.Kind {
	case "Job", "Pod":
		return p.replacement(m, prose.Shell("kubectl patch --local -f - -o json --type=%s -p %s", kind, patch))
	}
	return strings.Join(append([]string{"kubectl patch " + object + prose.Shell(" --type=%s -p %s", kind, patch)}, p.delivery(m)...), "\n")
}

// nest puts a value below a path such as "/spec/template/spec".
func nest(path string, value any) any {
	for _, key := range slices.Backward(strings.Split(strings.TrimPrefix(path, "/"), "/")) {
		value = map[string]any{key: value}
	}
	return value
}

// encode is compact JSON; keys are sorted by encoding/json.
func encode(value any) string {
	out, err := json.Marshal(value)
	if err != nil {
		return "{}"
	}
	return string(out)
}

// logsCommand shows what a container said last.
func (p subject) logsCommand(c container) string {
	out := prose.Shell("kubectl logs %s -n %s -c %s", p.Name, p.Namespace, c.Name)
	if c.restarts() > 0 && !c.running() || c.restarts() > 0 && c.ended() != nil {
		out += " --previous"
	}
	return out
}

// avoidStep keeps the pods of an owner away from the node that this one is on. text says so, without a colon.
func (p subject) avoidStep(text string) checks.Step {
	m := p.target()
	if p.static() {
		return checks.Step{Text: fmt.Sprintf("%s: move the manifest of static pod %s to another node.", text, p.Name)}
	}
	if m.requiresNodes() || m.custom && m.template == nil {
		return checks.Step{
			Text:    fmt.Sprintf("%s. Add to each term of spec.affinity.nodeAffinity in the template of %s %s/%s:", text, m.resource, m.Namespace, m.Name),
			Command: fmt.Sprintf("matchFields:\n- {key: metadata.name, operator: NotIn, values: [%s]}", p.Spec.NodeName), Language: checks.YAML,
		}
	}
	term := map[string]any{"matchFields": []any{map[string]any{"key": "metadata.name", "operator": "NotIn", "values": []string{p.Spec.NodeName}}}}
	affinity := map[string]any{"nodeAffinity": map[string]any{
		"requiredDuringSchedulingIgnoredDuringExecution": map[string]any{"nodeSelectorTerms": []any{term}},
	}}
	command := p.command(m, "strategic", encode(nest(m.path, map[string]any{"affinity": affinity})))
	if m.custom {
		command = p.command(m, "json", encode(mergeOps(m.path, m.affinity(), map[string]any{"affinity": affinity})))
	}
	return p.changeStep(text, command)
}

// requiresNodes reports whether the template already says which nodes its pods need: terms are alternatives, so one
// more would not keep the pod away from anything.
func (m maker) requiresNodes() bool {
	return m.template != nil && m.template.Spec.Affinity != nil && m.template.Spec.Affinity.NodeAffinity != nil &&
		m.template.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil
}

// affinity is that of the template, as JSON has it.
func (m maker) affinity() map[string]any {
	var out map[string]any
	if m.template == nil || m.template.Spec.Affinity == nil ||
		json.Unmarshal([]byte(encode(map[string]any{"affinity": m.template.Spec.Affinity})), &out) != nil {
		return nil
	}
	return out
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
