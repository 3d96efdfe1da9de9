package kustomize

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
)

// A Wanted is what is to become of an object that was built.
type Wanted struct {
	// Built is its index.
	Built  int
	Change edit.Change
}

// Apply changes a source, and what patches it, so that what is built of it becomes what is wanted, and nothing else
// changes: not in other kustomizations either. What cannot be proven is an error.
func (t *Tree) Apply(f *Finder, files Files, s Source, wanted []Wanted) (Files, error) {
	was, err := t.Build(files)
	if err != nil {
		return nil, err
	}
	m, err := movedIn(s, was, wanted)
	if err != nil {
		return nil, err
	}
	out, err := m.edit(s, files)
	if err != nil {
		return nil, err
	}
	for _, k := range t.All {
		if err := out.Rewrite(m, k.Mentions(m)); err != nil {
			return nil, fmt.Errorf("%w would miss it: name the container there, in a strategic merge patch, and convert again", err)
		}
	}
	if err := t.missing(m); err != nil {
		return nil, err
	}
	others, err := t.others(f, files, out)
	if err != nil {
		return nil, err
	}
	seen := t.mentioned(m)
	for _, k := range others {
		if err := out.Rewrite(m, seen.New(k.AllMentions(m))); err != nil {
			return nil, fmt.Errorf("%w would miss it: name the container there, in a strategic merge patch, and convert again", err)
		}
	}
	if err := t.prove(was, out, wanted); err != nil {
		return nil, err
	}
	for _, k := range others {
		if err := k.Prove(files, out, []*Moved{m}); err != nil {
			return nil, fmt.Errorf("%s: %w", k.File, err)
		}
	}
	return out, nil
}

// movedIn is what is wanted of objects as a change of their source: all of them have to want the same.
func movedIn(s Source, was []Built, wanted []Wanted) (*Moved, error) {
	var out *Moved
	for _, w := range wanted {
		object := was[w.Built].Object
		change, err := Carry(w.Change, SpecOf(object, w.Change.Way), s.Object, s.Way)
		if err != nil {
			return nil, fmt.Errorf("patches have changed what is to go: in %s %w", s.File, err)
		}
		m := &Moved{Kind: s.Kind, Name: s.Name, Way: s.Way, Moves: change.Moves, Sets: change.Sets, Drops: change.Drops, Before: SpecOf(s.Object, s.Way)}
		for _, move := range change.Moves {
			m.Containers = append(m.Containers, move.Container)
		}
		if out != nil && !reflect.DeepEqual(out, m) {
			return nil, fmt.Errorf("%s is built more than once, and would have to become something else each time", s.File)
		}
		out = m
	}
	return out, nil
}

// edit changes the source: what of the change is about it.
func (m *Moved) edit(s Source, files Files) (Files, error) {
	out := files.Clone()
	change := edit.Change{Document: s.Place.Document, Way: slices.Concat(s.Root, s.Way), Sets: m.Sets, Drops: m.Drops}
	for _, move := range m.Moves {
		if inits, _ := m.Before["initContainers"].([]any); !m.brought(move.Container) || slices.ContainsFunc(inits, func(v any) bool { return nameOf(v) == move.Container }) {
			change.Moves = append(change.Moves, move)
		}
	}
	data, err := out.read(s.File)
	if err != nil {
		return nil, err
	}
	result, err := edit.Apply(data, change)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(result.Data, data) {
		out[s.File] = result.Data
	}
	after, err := edit.Values(s.Object, edit.Change{Way: s.Way, Moves: change.Moves})
	if err != nil {
		return nil, err
	}
	m.After = SpecOf(after, s.Way)
	return out, nil
}

// missing says where a container comes from that is in no file which was changed.
func (t *Tree) missing(m *Moved) error {
	for _, name := range m.Containers {
		if !m.brought(name) {
			continue
		}
		strategic := func(k *Kustomization) bool {
			return slices.ContainsFunc(k.Mentions(m), func(at Mention) bool { return at.Brings && at.Field == name })
		}
		if slices.ContainsFunc(t.All, strategic) {
			continue
		}
		for _, k := range t.All {
			if file := k.adds(m, name); file != "" {
				return fmt.Errorf("%s adds %s with a JSON patch: change it there", file, name)
			}
		}
		return fmt.Errorf("no resource and no patch has %s: something else makes it", name)
	}
	return nil
}

// mentioned are the mentions in the tree, which are rewritten first.
func (t *Tree) mentioned(m *Moved) Seen {
	seen := Seen{}
	for _, k := range t.All {
		seen.New(k.Mentions(m))
	}
	return seen
}

// adds is the file with a JSON patch that adds a container; empty for none.
func (k *Kustomization) adds(m *Moved, name string) string {
	//lint:ignore SA1019 it is deprecated, and people have it
	for _, p := range slices.Concat(k.Patches, k.PatchesJson6902) {
		file, text := k.File, []byte(p.Patch)
		if p.Path != "" {
			file = filepath.Join(k.dir(), p.Path)
			text, _ = os.ReadFile(file) // what cannot be read fails the build, too
		}
		if p.Target != nil && !selects(p.Target, m) {
			continue
		}
		for _, op := range operationsIn(text) {
			prefix := "/" + strings.Join(m.Way, "/") + "/containers"
			if path, _ := op["path"].(string); op["op"] == "add" && strings.HasPrefix(path, prefix) && nameOf(op["value"]) == name {
				return file
			}
		}
	}
	return ""
}

// others are the kustomizations outside of the tree that have a file which has changed.
func (t *Tree) others(f *Finder, before, after Files) ([]*Kustomization, error) {
	var out []*Kustomization
	for name, data := range after {
		if bytes.Equal(before[name], data) {
			continue
		}
		around, err := f.Around(name)
		if err != nil {
			return nil, err
		}
		for _, k := range around {
			same := func(o *Kustomization) bool { return o.File == k.File }
			if !slices.ContainsFunc(t.All, same) && !slices.ContainsFunc(out, same) && !k.IsComponent() {
				out = append(out, k)
			}
		}
	}
	slices.SortFunc(out, func(a, b *Kustomization) int { return strings.Compare(a.File, b.File) })
	return out, nil
}

// prove builds the tree again: the objects must be what is wanted, and all others as they were.
func (t *Tree) prove(was []Built, files Files, wanted []Wanted) error {
	is, err := t.Build(files)
	if err != nil {
		return err
	}
	if len(was) != len(is) {
		return fmt.Errorf("%d objects were built, and now %d", len(was), len(is))
	}
	for i, b := range was {
		var want any = b.Object
		for _, w := range wanted {
			if w.Built == i {
				if want, err = edit.Values(want, w.Change); err != nil {
					return err
				}
			}
		}
		if !alike(want, is[i].Object) {
			return fmt.Errorf("%s %s would be built differently", b.Kind, b.Name)
		}
	}
	return nil
}
