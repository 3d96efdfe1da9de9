package kustomize

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
)

// build is what kustomize makes of a folder.
func build(on filesys.FileSystem, dir string) (resmap.ResMap, error) {
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = types.LoadRestrictionsNone
	return krusty.MakeKustomizer(options).Run(on, dir)
}

// mostBytes bounds what is copied to be built.
const mostBytes = 64 << 20

// copied is the files that kustomizations are made of, in memory, with some of them replaced.
func copied(dirs []string, files Files) (filesys.FileSystem, error) {
	mem := filesys.MakeFsInMemory()
	left := mostBytes
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && d.Name() == ".git" {
				return fs.SkipDir
			}
			if !d.Type().IsRegular() || mem.Exists(name) {
				return nil
			}
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if left -= len(data); left < 0 {
				return errors.New("too much to copy")
			}
			return mem.WriteFile(name, data)
		})
		if err != nil {
			return nil, err
		}
	}
	for name, data := range files {
		if err := mem.WriteFile(name, data); err != nil {
			return nil, err
		}
	}
	return mem, nil
}

// folders are those that a kustomization needs: its own, and those of its parts, again and again.
func (k *Kustomization) folders(depth int) []string {
	out := []string{k.dir()}
	for _, name := range k.all() {
		if info, err := os.Stat(filepath.Join(k.dir(), name)); err == nil && !info.IsDir() {
			out = append(out, filepath.Dir(filepath.Join(k.dir(), name)))
		}
	}
	for _, part := range k.parts() {
		info, err := os.Stat(part)
		switch {
		case err != nil || depth > maxDepth:
		case info.IsDir():
			for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
				if below := read(filepath.Join(part, name)); below != nil {
					out = append(out, below.folders(depth+1)...)
				}
			}
		default:
			out = append(out, filepath.Dir(part))
		}
	}
	return out
}

// Prove builds a kustomization with the files as before and as after: the two must differ by the moves alone. One with parts
// elsewhere is not built, since nothing is downloaded: it is left alone if nothing in it looks at the containers.
func (k *Kustomization) Prove(before, files Files, moves []*Moved) error {
	if name := k.elsewhere(0); name != "" {
		if k.onlyPatches() && !slices.ContainsFunc(moves, func(m *Moved) bool { return len(k.AllMentions(m)) > 0 }) {
			return nil
		}
		return fmt.Errorf("%s: %w", name, ErrRemote)
	}
	folders := k.folders(0)
	was, err := k.built(folders, before)
	if err != nil {
		return err
	}
	is, err := k.built(folders, files)
	if err != nil {
		return err
	}
	return same(was, is, moves)
}

// elsewhere is a part of a kustomization, or of one that it is made of, that is not on this disk; empty where all are.
func (k *Kustomization) elsewhere(depth int) string {
	for _, name := range k.all() {
		if _, err := os.Stat(filepath.Join(k.dir(), name)); err != nil {
			return name
		}
	}
	for _, part := range k.parts() {
		if info, err := os.Stat(part); err != nil || !info.IsDir() || depth > maxDepth {
			continue
		}
		for _, name := range konfig.RecognizedKustomizationFileNames() {
			if below := read(filepath.Join(part, name)); below != nil {
				if name := below.elsewhere(depth + 1); name != "" {
					return name
				}
			}
		}
	}
	return ""
}

func (k *Kustomization) built(folders []string, files Files) (resmap.ResMap, error) {
	on, err := copied(folders, files)
	if err != nil {
		return nil, err
	}
	return build(on, k.dir())
}

func same(was, is resmap.ResMap, moves []*Moved) error {
	if was.Size() != is.Size() {
		return fmt.Errorf("%d objects were built, and now %d", was.Size(), is.Size())
	}
	for i, before := range was.Resources() {
		object, err := before.Map()
		if err != nil {
			return err
		}
		var want any = object
		for _, m := range moves {
			if !m.built(before.GetKind(), before.GetName(), object) {
				continue
			}
			change, err := m.change(object)
			if err != nil {
				return fmt.Errorf("%s %s: %w", before.GetKind(), before.GetName(), err)
			}
			if want, err = edit.Values(want, change); err != nil {
				return err
			}
		}
		got, err := is.Resources()[i].Map()
		if err != nil {
			return err
		}
		if !alike(want, got) {
			return fmt.Errorf("%s %s would be built differently", before.GetKind(), before.GetName())
		}
	}
	return nil
}

// built reports whether an object is what was built of the one that moves: its name may have got a prefix or a suffix.
func (m *Moved) built(kind, name string, object map[string]any) bool {
	spec := SpecOf(object, m.Way)
	list, _ := spec["containers"].([]any)
	return kind == m.Kind && strings.Contains(name, m.Name) &&
		slices.ContainsFunc(list, func(c any) bool { return slices.Contains(m.Containers, nameOf(c)) })
}

// change is what is to become of an object that was built.
func (m *Moved) change(object map[string]any) (edit.Change, error) {
	return Carry(edit.Change{Sets: m.Sets, Drops: m.Drops, Moves: m.Moves}, m.Before, object, m.Way)
}

// alike reports whether two objects are the same to the API server: a list of init containers without any is none.
func alike(a, b any) bool { return reflect.DeepEqual(withoutEmpty(plain(a)), withoutEmpty(plain(b))) }

// withoutEmpty is a value without such lists.
func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if list, isList := inner.([]any); key == "initContainers" && (inner == nil || isList && len(list) == 0) {
				delete(v, key)
				continue
			}
			withoutEmpty(inner)
		}
	case []any:
		for _, inner := range v {
			withoutEmpty(inner)
		}
	}
	return v
}

// plain has numbers of one type.
func plain(v any) any {
	data, err := json.Marshal(v)
	var out any
	if err != nil || json.Unmarshal(data, &out) != nil {
		return v
	}
	return out
}
