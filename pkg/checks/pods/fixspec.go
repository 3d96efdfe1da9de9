package pods

import (
	"encoding/json"
	"maps"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"sigs.k8s.io/yaml"
)

// What is of the pod as a whole, and not of a container, is changed in its spec or in the metadata of its template.

// fixSpec is the command that sets fields of the pod spec, and annotations where given; nil removes one. It is "" for a
// static pod and where the template of the owner was not seen.
func (p subject) fixSpec(spec map[string]any, annotations ...map[string]any) string {
	m := p.target()
	if p.static() || m.template == nil {
		return ""
	}
	if m.custom {
		return p.command(m, "json", encode(mergeOps(m.path, asMap(m.template.Spec), spec)))
	}
	body := nest(m.path, spec)
	if noted := annotationsIn(annotations); len(noted) > 0 {
		path := strings.TrimSuffix(m.path, "/spec") + "/metadata/annotations"
		body = merged(body, nest(path, noted))
	}
	return p.command(m, "strategic", encode(body))
}

func annotationsIn(list []map[string]any) map[string]any {
	out := map[string]any{}
	for _, a := range list {
		maps.Copy(out, a)
	}
	return out
}

// specStep says to change fields of the pod spec, with the command; without one, with what to write where.
func (p subject) specStep(text string, spec map[string]any, annotations ...map[string]any) checks.Step {
	if command := p.fixSpec(spec, annotations...); command != "" {
		return p.changeStep(text, command)
	}
	m := p.target()
	where := "in the template of " + m.resource + " " + m.Namespace + "/" + m.Name
	if p.static() {
		where = p.inManifest()
	}
	data, err := yaml.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return textStep(text, where)
	}
	return checks.Step{Text: text + ", " + where + ":", Command: strings.TrimSpace(string(data)), Language: checks.YAML}
}

// merged are two values whose maps are put together.
func merged(a, b any) any {
	x, isMap := a.(map[string]any)
	y, both := b.(map[string]any)
	if !isMap || !both {
		return b
	}
	out := maps.Clone(x)
	for key, value := range y {
		if old, has := out[key]; has {
			value = merged(old, value)
		}
		out[key] = value
	}
	return out
}

// asMap is an object as JSON has it.
func asMap(object any) map[string]any {
	var out map[string]any
	if json.Unmarshal([]byte(encode(object)), &out) != nil {
		return nil
	}
	return out
}
