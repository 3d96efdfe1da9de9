package edit

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
	"go.yaml.in/yaml/v3"
)

// An Op is one operation of a JSON patch.
type Op struct {
	Op    string `json:"op"`
	From  string `json:"from,omitempty"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// A planner makes a change on values, and writes down the patch that does the same.
type planner struct {
	way   []string
	spec  map[string]any
	patch []Op
}

// plan makes the change on a copy of the value. The change that it returns has only what is left to do.
func plan(value any, c Change) (Change, any, []Op, *Refusal) {
	want := deepCopy(value)
	spec, ok := workload.Descend(want, c.Way).(map[string]any)
	if !ok {
		return c, nil, nil, refuse(NoPodSpec, strings.Join(c.Way, "."), 0)
	}
	p := &planner{way: c.Way, spec: spec}
	c = c.decoded()
	c.Drops = p.wholeLists(c.Drops)
	var sets []Set
	for _, s := range c.Sets {
		changed, refusal := p.set(s)
		if refusal != nil {
			return c, nil, nil, refusal
		}
		if changed {
			sets = append(sets, s)
		}
	}
	for _, d := range lastFirst(c.Drops) {
		if refusal := p.drop(d.Path); refusal != nil {
			return c, nil, nil, refusal
		}
	}
	for _, a := range c.Adds {
		if refusal := p.add(a); refusal != nil {
			return c, nil, nil, refusal
		}
	}
	var moves []Move
	for _, m := range c.Moves {
		changed, refusal := p.move(m)
		if refusal != nil {
			return c, nil, nil, refusal
		}
		if changed {
			moves = append(moves, m)
		}
	}
	c.Sets, c.Moves = sets, moves
	if _, err := json.Marshal(p.patch); err != nil {
		p.patch = nil // keys that are no strings
	}
	return c, want, p.patch, nil
}

// decoded has its values as a decoder would give them, so they compare.
func (c Change) decoded() Change {
	c.Sets, c.Moves, c.Adds = slices.Clone(c.Sets), slices.Clone(c.Moves), slices.Clone(c.Adds)
	for i, a := range c.Adds {
		c.Adds[i].Value = decoded(a.Value)
	}
	for i, s := range c.Sets {
		c.Sets[i].Value = decoded(s.Value)
	}
	for i, m := range c.Moves {
		if m.Probe != nil {
			c.Moves[i].Probe, _ = decoded(m.Probe).(map[string]any)
		}
	}
	return c
}

func decoded(v any) any {
	data, err := json.Marshal(v)
	var out any
	if err != nil || yaml.Unmarshal(data, &out) != nil {
		return v
	}
	return out
}

func (p *planner) pointer(path ...string) string {
	var out strings.Builder
	for _, word := range slices.Concat(p.way, path) {
		out.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(word))
	}
	return out.String()
}

func (p *planner) set(s Set) (bool, *Refusal) {
	old := workload.Descend(p.spec, s.Path)
	if old == nil || len(s.Path) == 0 {
		return false, refuse(BadPath, strings.Join(s.Path, "."), 0)
	}
	if reflect.DeepEqual(old, s.Value) {
		return false, nil
	}
	p.patch = append(p.patch, Op{Op: "test", Path: p.pointer(s.Path...), Value: old},
		Op{Op: "replace", Path: p.pointer(s.Path...), Value: s.Value})
	parent, last := s.Path[:len(s.Path)-1], s.Path[len(s.Path)-1]
	switch in := workload.Descend(p.spec, parent).(type) {
	case map[string]any:
		in[last] = deepCopy(s.Value)
	case []any:
		i, _ := index(last)
		in[i] = deepCopy(s.Value)
	}
	return true, nil
}

func (p *planner) drop(path []string) *Refusal {
	old := workload.Descend(p.spec, path)
	if len(path) == 0 || old == nil && !p.null(path) {
		return refuse(BadPath, strings.Join(path, "."), 0)
	}
	parent, last := path[:len(path)-1], path[len(path)-1]
	p.test(old, path...)
	p.patch = append(p.patch, Op{Op: "remove", Path: p.pointer(path...)})
	switch in := workload.Descend(p.spec, parent).(type) {
	case map[string]any:
		delete(in, last)
	case []any:
		i, _ := index(last)
		p.put(parent, slices.Delete(slices.Clone(in), i, i+1))
	}
	return nil
}

// test has the patch test that something is what it was, by its name where it has one.
func (p *planner) test(value any, path ...string) {
	switch name := field(value, "name"); {
	case name != nil:
		p.patch = append(p.patch, Op{Op: "test", Path: p.pointer(path...) + "/name", Value: name})
	case value != nil:
		p.patch = append(p.patch, Op{Op: "test", Path: p.pointer(path...), Value: value})
	}
}

// null reports whether a field is there without a value.
func (p *planner) null(path []string) bool {
	in, ok := workload.Descend(p.spec, path[:len(path)-1]).(map[string]any)
	if !ok {
		return false
	}
	_, there := in[path[len(path)-1]]
	return there
}

// put replaces the list at a path.
func (p *planner) put(path []string, list []any) {
	switch in := workload.Descend(p.spec, path[:len(path)-1]).(type) {
	case map[string]any:
		in[path[len(path)-1]] = list
	case []any:
		i, _ := index(path[len(path)-1])
		in[i] = list
	}
}

// wholeLists turns drops of everything in a list or a map into a drop of that, again and again.
func (p *planner) wholeLists(drops []Drop) []Drop {
	for {
		count, paths := map[string]int{}, map[string][]string{}
		seen := map[string]bool{}
		for _, d := range drops {
			if key := strings.Join(d.Path, "\x00"); !seen[key] && len(d.Path) > 1 {
				seen[key] = true
				parent := d.Path[:len(d.Path)-1]
				count[strings.Join(parent, "\x00")]++
				paths[strings.Join(parent, "\x00")] = parent
			}
		}
		grown := false
		for _, key := range slices.Sorted(maps.Keys(paths)) {
			if size(workload.Descend(p.spec, paths[key])) == count[key] {
				drops = append(slices.DeleteFunc(slices.Clone(drops), func(d Drop) bool { return within(d.Path, paths[key]) }), Drop{paths[key]})
				grown = true
				break
			}
		}
		if !grown {
			break
		}
	}
	var out []Drop
	for _, d := range drops {
		if !slices.ContainsFunc(out, func(o Drop) bool { return slices.Equal(o.Path, d.Path) }) &&
			!slices.ContainsFunc(drops, func(o Drop) bool { return len(o.Path) < len(d.Path) && within(d.Path, o.Path) }) {
			out = append(out, d)
		}
	}
	return out
}

// within reports whether a path begins with another.
func within(path, outer []string) bool {
	return len(path) >= len(outer) && slices.Equal(path[:len(outer)], outer)
}

func size(v any) int {
	switch v := v.(type) {
	case map[string]any:
		return len(v)
	case []any:
		return len(v)
	}
	return -1
}

const always = "Always"

func (p *planner) move(m Move) (bool, *Refusal) {
	containers, _ := p.spec["containers"].([]any)
	inits, _ := p.spec["initContainers"].([]any)
	from, there := byName(containers, m.Container), byName(inits, m.Container)
	if from < 0 && there >= 0 {
		return p.restart(m, there, inits), nil
	}
	switch {
	case from < 0:
		return false, refuse(NotFound, m.Container, 0)
	case there >= 0 || byName(containers[from+1:], m.Container) >= 0:
		return false, refuse(NameTwice, m.Container, 0)
	case len(containers) == 1 && !m.Plain && !m.Partial:
		return false, refuse(LastContainer, m.Container, 0)
	}
	to := len(inits)
	if m.Before != "" {
		if to = byName(inits, m.Before); to < 0 {
			return false, refuse(NotFound, m.Before, 0)
		}
	}
	p.patchMove(m, from, to, inits)
	if len(containers) == 1 {
		p.patch = append(p.patch, Op{Op: "remove", Path: p.pointer("containers")})
	}
	item := containers[from].(map[string]any)
	if !m.Plain {
		item["restartPolicy"] = always
	}
	if m.Probe != nil {
		item["startupProbe"] = deepCopy(m.Probe)
	}
	p.spec["initContainers"] = slices.Insert(slices.Clone(inits), to, any(item))
	if p.spec["containers"] = slices.Delete(slices.Clone(containers), from, from+1); len(containers) == 1 {
		delete(p.spec, "containers")
	}
	return true, nil
}

// restart makes a native sidecar of a plain init container, where it stands, and reports whether it was none.
func (p *planner) restart(m Move, at int, inits []any) bool {
	if m.Plain || field(inits[at], "restartPolicy") == always {
		return false
	}
	place := strconv.Itoa(at)
	p.patch = append(p.patch, Op{Op: "test", Path: p.pointer("initContainers", place, "name"), Value: m.Container},
		Op{Op: "add", Path: p.pointer("initContainers", place, "restartPolicy"), Value: always})
	item, _ := inits[at].(map[string]any)
	item["restartPolicy"] = always
	if m.Probe != nil {
		item["startupProbe"] = deepCopy(m.Probe)
		p.patch = append(p.patch, Op{Op: "add", Path: p.pointer("initContainers", place, "startupProbe"), Value: m.Probe})
	}
	return true
}

// patchMove tests that everything is where it was, so the patch cannot hit anything else.
func (p *planner) patchMove(m Move, from, to int, inits []any) {
	at := strconv.Itoa(from)
	p.patch = append(p.patch, Op{Op: "test", Path: p.pointer("containers", at, "name"), Value: m.Container})
	if len(inits) == 0 {
		// Where somebody has added init containers since, "add" would replace them: what is missing equals null.
		var none any = json.RawMessage("null")
		if inits != nil {
			none = inits
		}
		p.patch = append(p.patch, Op{Op: "test", Path: p.pointer("initContainers"), Value: none},
			Op{Op: "add", Path: p.pointer("initContainers"), Value: []any{}})
	} else {
		i := min(to, len(inits)-1)
		p.test(inits[i], "initContainers", strconv.Itoa(i))
	}
	target := strconv.Itoa(to)
	p.patch = append(p.patch, Op{Op: "move", From: p.pointer("containers", at), Path: p.pointer("initContainers", target)})
	if !m.Plain {
		p.patch = append(p.patch, Op{Op: "add", Path: p.pointer("initContainers", target, "restartPolicy"), Value: always})
	}
	if m.Probe != nil {
		p.patch = append(p.patch, Op{Op: "add", Path: p.pointer("initContainers", target, "startupProbe"), Value: m.Probe})
	}
}

func byName(list []any, name string) int {
	return slices.IndexFunc(list, func(v any) bool { return field(v, "name") == name })
}

func field(v any, name string) any {
	m, _ := v.(map[string]any)
	return m[name]
}

func index(word string) (int, bool) {
	i, err := strconv.Atoi(word)
	return i, err == nil && i >= 0
}

// comparePaths orders paths as they stand in a document: indexes as numbers.
func comparePaths(a, b []string) int {
	return slices.CompareFunc(a, b, func(x, y string) int {
		i, okX := index(x)
		j, okY := index(y)
		if okX && okY {
			return cmp.Compare(i, j)
		}
		return cmp.Compare(x, y)
	})
}

func deepCopy(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = deepCopy(value)
		}
		return out
	case map[any]any:
		out := make(map[any]any, len(v))
		for key, value := range v {
			out[key] = deepCopy(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = deepCopy(value)
		}
		return out
	}
	return v
}
