package kustomize

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// replaced are the field paths of replacements that lead through containers: of those that stand in the kustomization, and
// of those in files of their own.
func (k *Kustomization) replaced(m *Moved) []Mention {
	var out []Mention
	for i, r := range k.Replacements {
		if r.Path == "" {
			out = append(out, m.replacement(k.File, []string{"replacements", strconv.Itoa(i)}, &r.Replacement)...)
			continue
		}
		file := filepath.Join(k.dir(), r.Path)
		list, single := replacementsIn(file)
		for n := range list {
			var at []string
			if !single {
				at = []string{strconv.Itoa(n)}
			}
			out = append(out, m.replacement(file, at, &list[n])...)
		}
	}
	return out
}

// replacementsIn are those of a file, which has a list of them or a single one. What cannot be read fails the build, too.
func replacementsIn(file string) (list []types.Replacement, single bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, false
	}
	if yaml.Unmarshal(text, &list) == nil {
		return list, false
	}
	var one types.Replacement
	if yaml.Unmarshal(text, &one) != nil {
		return nil, false
	}
	return []types.Replacement{one}, true
}

// replacement are the field paths of one that lead through containers.
func (m *Moved) replacement(file string, at []string, r *types.Replacement) []Mention {
	var out []Mention
	look := func(kind, name, path string, keys ...string) {
		if !whole(kind, m.Kind) || !whole(name, m.Name) {
			return
		}
		mention := Mention{File: file, Path: slices.Concat(at, keys), Document: -1, Op: -1, Field: path, Replaces: true}
		if mention.Instead, mention.Known = m.fieldPath(path); mention.Instead != path {
			out = append(out, mention)
		}
	}
	if r.Source != nil {
		look(r.Source.Kind, r.Source.Name, r.Source.FieldPath, "source", "fieldPath")
	}
	for j, t := range r.Targets {
		if t == nil || t.Select == nil {
			continue
		}
		for n, path := range t.FieldPaths {
			look(t.Select.Kind, t.Select.Name, path, "targets", strconv.Itoa(j), "fieldPaths", strconv.Itoa(n))
		}
	}
	return out
}

// fieldPath is a field path after the move, and whether that is known: the same for one that leads elsewhere.
func (m *Moved) fieldPath(path string) (instead string, known bool) {
	way := strings.Join(m.Way, ".") + "."
	for _, list := range lists {
		rest, there := strings.CutPrefix(path, way+list+".")
		if !there {
			continue
		}
		item, tail := firstStep(rest)
		name, isName := strings.CutPrefix(strings.TrimSuffix(item, "]"), "[name=")
		i, err := strconv.Atoi(item)
		switch {
		case isName && list == "containers" && slices.Contains(m.Containers, name):
			return way + "initContainers." + item + tail, true
		case isName:
			return path, true
		case err == nil:
			to, at, known := m.lineup().now(list, i)
			return way + to + "." + strconv.Itoa(at) + tail, known
		}
		return "", false // all of them, or by what they are
	}
	return path, true
}

// firstStep is the first step of a field path, and the rest: [name=a.b] is one step.
func firstStep(path string) (step, rest string) {
	end := strings.Index(path, ".")
	if strings.HasPrefix(path, "[") {
		end = strings.Index(path, "]") + 1
	}
	if end <= 0 || end > len(path) {
		return path, ""
	}
	return path[:end], path[end:]
}
