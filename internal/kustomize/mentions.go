package kustomize

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A Moved is an object whose containers move: from where to where, as values.
type Moved struct {
	Kind, Name string
	// Way leads to the pod spec.
	Way []string
	// Containers are those that move, and Moves how.
	Containers []string
	Moves      []edit.Move
	// Sets and Drops are made with them, where the object has what they are about as it is in Before.
	Sets  []edit.Set
	Drops []edit.Drop
	// Before and After are the pod specs. A container that is not in Before comes from a patch.
	Before, After map[string]any
}

// OnlyMoves reports whether containers move, and nothing else changes.
func (m *Moved) OnlyMoves() bool { return len(m.Sets)+len(m.Drops) == 0 }

// brought reports whether a container comes from a patch.
func (m *Moved) brought(name string) bool {
	list, _ := m.Before["containers"].([]any)
	return !slices.ContainsFunc(list, func(v any) bool { return nameOf(v) == name })
}

// A Mention is a place in a patch or a replacement that no longer hits what it is about.
type Mention struct {
	// File has the patch; Path are the keys to its text where that stands inside of a kustomization, else none. Of a
	// replacement they lead to its field path.
	File string
	Path []string
	// Document is that of a strategic patch, -1 for JSON patches and others.
	Document int
	// Op is the index of the operation of a JSON patch, -1 for others.
	Op int
	// Field is what is said there: a pointer, a field path, or the name of the container.
	Field string
	// Instead is what to say there; "" where it is the patch that has to be moved, or nobody knows.
	Instead string
	// Known reports whether it can be rewritten.
	Known bool
	// Replaces is set for a field path of a replacement.
	Replaces bool
	// Brings is set for a patch that the container comes from: that makes a native sidecar of it.
	Brings bool
}

// Mentions are those in one kustomization, without its components. Its patches are applied in this order.
func (k *Kustomization) Mentions(m *Moved) []Mention { return k.mentions(m, m.lineup()) }

// AllMentions are those in one kustomization and in its components, which are applied before its own patches.
func (k *Kustomization) AllMentions(m *Moved) []Mention {
	l := m.lineup()
	var out []Mention
	for _, c := range k.components {
		out = append(out, c.mentions(m, l)...)
	}
	return append(out, k.mentions(m, l)...)
}

func (k *Kustomization) mentions(m *Moved, l *lineup) []Mention {
	var out []Mention
	//lint:ignore SA1019 it is deprecated, and people have it
	for i, p := range k.PatchesStrategicMerge {
		file, inline := string(p), ""
		if strings.Contains(file, "\n") {
			file, inline = "", file
		}
		out = append(out, k.patch(m, l, file, inline, []string{"patchesStrategicMerge", strconv.Itoa(i)}, nil)...)
	}
	for i, p := range k.Patches {
		out = append(out, k.patch(m, l, p.Path, p.Patch, []string{"patches", strconv.Itoa(i), "patch"}, p.Target)...)
	}
	//lint:ignore SA1019 it is deprecated, and people have it
	for i, p := range k.PatchesJson6902 {
		out = append(out, k.patch(m, l, p.Path, p.Patch, []string{"patchesJson6902", strconv.Itoa(i), "patch"}, p.Target)...)
	}
	return append(out, k.replaced(m)...)
}

// patch is a patch in a file or a text of its own.
func (k *Kustomization) patch(m *Moved, l *lineup, file, inline string, path []string, target *types.Selector) []Mention {
	if target != nil && !selects(target, m) {
		return nil
	}
	at := Mention{File: k.File, Path: path, Document: -1, Op: -1}
	text := []byte(inline)
	if file != "" {
		at.File, at.Path = filepath.Join(k.dir(), file), nil
		text, _ = os.ReadFile(at.File) // what cannot be read fails the build, too
	}
	var out []Mention
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for document := 0; ; document++ {
		var value any
		if err := decoder.Decode(&value); err != nil {
			if !errors.Is(err, io.EOF) {
				at.Field = err.Error()
			}
			return out
		}
		switch value := value.(type) {
		case []any:
			out = append(out, m.operations(l, at, value)...)
		case map[string]any:
			at.Document = document
			out = append(out, m.strategic(l, at, value, target != nil)...)
		}
	}
}

// selects reports whether a selector may mean the object; selectors by label may.
func selects(s *types.Selector, m *Moved) bool {
	return whole(s.Kind, m.Kind) && whole(s.Name, m.Name)
}

// whole reports whether a pattern matches all of a text; none matches any.
func whole(pattern, s string) bool {
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	return pattern == "" || err == nil && re.MatchString(s)
}

// strategic is a patch that names containers in the list where they no longer are.
func (m *Moved) strategic(l *lineup, at Mention, patch map[string]any, targeted bool) []Mention {
	meta, _ := patch["metadata"].(map[string]any)
	if !targeted && (patch["kind"] != m.Kind || meta["name"] != m.Name) {
		return nil
	}
	spec := SpecOf(patch, m.Way)
	l.merge(m, spec)
	list, _ := spec["containers"].([]any)
	var out []Mention
	for _, item := range list {
		fields, _ := item.(map[string]any)
		if name, _ := fields["name"].(string); slices.Contains(m.Containers, name) {
			at.Field, at.Known, at.Brings = name, true, m.brought(name) && fields["image"] != nil
			out = append(out, at)
		}
	}
	return out
}

// operations are those of a JSON patch that count containers.
func (m *Moved) operations(l *lineup, at Mention, ops []any) []Mention {
	spec := "/" + strings.Join(m.Way, "/") + "/"
	var out []Mention
	for i, op := range ops {
		fields, _ := op.(map[string]any)
		at.Op = i
		kind, _ := fields["op"].(string)
		for _, key := range []string{"path", "from"} {
			pointer, _ := fields[key].(string)
			rest, ok := strings.CutPrefix(pointer, spec)
			list, rest, _ := strings.Cut(rest, "/")
			if !ok || !slices.Contains(lists, list) {
				continue
			}
			index, tail, _ := strings.Cut(rest, "/")
			instead, known := l.operation(kind, list, index, tail, fields["value"])
			at.Field, at.Instead, at.Known = pointer, spec+instead, known && key == "path"
			if at.Instead != pointer {
				out = append(out, at)
			}
		}
	}
	return out
}

func nameOf(v any) string {
	fields, _ := v.(map[string]any)
	name, _ := fields["name"].(string)
	return name
}

// SpecOf is the pod spec of an object.
func SpecOf(object any, way []string) map[string]any {
	spec, _ := workload.Descend(object, way).(map[string]any)
	return spec
}

// operationsIn are those of a JSON patch; none of another text.
func operationsIn(text []byte) []map[string]any {
	var out []map[string]any
	if yaml.Unmarshal(text, &out) != nil {
		return nil
	}
	return out
}
