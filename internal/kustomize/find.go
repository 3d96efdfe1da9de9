// Package kustomize knows what happens around a manifest that is a resource of kustomizations: which of them have
// it, which of their patches name a container by its place, and what is built of them, by kustomize's own library.
package kustomize

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// A Kustomization is a kustomization file.
type Kustomization struct {
	// File is its absolute name.
	File string
	types.Kustomization
	// components are those that it is made with, and theirs, in the order in which they are applied.
	components []*Kustomization
}

// IsComponent reports whether it is a component, which cannot be built alone.
func (k *Kustomization) IsComponent() bool { return k.Kind == types.ComponentKind }

func (k *Kustomization) dir() string { return filepath.Dir(k.File) }

// mostFiles bounds how much is looked at around a file.
const mostFiles = 20000

// A Finder finds kustomizations, and looks at each folder once.
type Finder struct {
	below map[string]map[string]*Kustomization
}

// Around returns the kustomizations that have a file among their resources or patches, directly or through others: in its
// repository, or, where there is none, in its folder and the one above. What cannot be read is not among them.
func (f *Finder) Around(file string) ([]*Kustomization, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	all, err := f.all(top(filepath.Dir(file)))
	if err != nil {
		return nil, err
	}
	var out []*Kustomization
	for _, k := range all {
		if k.has(file, all, 0) {
			k.components = k.componentsIn(all, 0)
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b *Kustomization) int { return strings.Compare(a.File, b.File) })
	return out, nil
}

// IsPatch reports whether a file is a patch of a kustomization: no manifest of its own.
func (f *Finder) IsPatch(file string) bool {
	all, err := f.all(top(filepath.Dir(file)))
	if err != nil {
		return false
	}
	for _, k := range all {
		for _, name := range k.patchFiles() {
			if filepath.Join(k.dir(), name) == file {
				return true
			}
		}
	}
	return false
}

func (k *Kustomization) patchFiles() []string {
	var out []string
	//lint:ignore SA1019 it is deprecated, and people have it
	for _, p := range append(slices.Clone(k.Patches), k.PatchesJson6902...) {
		if p.Path != "" {
			out = append(out, p.Path)
		}
	}
	//lint:ignore SA1019 it is deprecated, and people have it
	for _, p := range k.PatchesStrategicMerge {
		out = append(out, string(p))
	}
	return out
}

// all are the kustomizations in a folder and those in it.
func (f *Finder) all(dir string) (map[string]*Kustomization, error) {
	if all, seen := f.below[dir]; seen {
		return all, nil
	}
	all, seen := map[string]*Kustomization{}, 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if seen++; seen > mostFiles {
			return fs.SkipAll
		}
		switch {
		case err != nil:
			return nil //nolint:nilerr // folders of others are none of ours
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return fs.SkipDir
		case slices.Contains(konfig.RecognizedKustomizationFileNames(), d.Name()):
			if k := read(name); k != nil {
				all[k.dir()] = k
			}
		}
		return nil
	})
	if f.below == nil {
		f.below = map[string]map[string]*Kustomization{}
	}
	f.below[dir] = all
	return all, err
}

// top is where to begin: the root of the repository, or the folder above.
func top(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return filepath.Dir(dir)
		}
	}
}

func read(name string) *Kustomization {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	k := &Kustomization{File: name}
	if yaml.Unmarshal(data, &k.Kustomization) != nil {
		return nil
	}
	return k
}

// parts are the files and folders that it is made of; remote ones are not.
func (k *Kustomization) parts() []string {
	var out []string
	//lint:ignore SA1019 it is deprecated, and people have it
	for _, list := range [][]string{k.Resources, k.Bases, k.Components} {
		for _, name := range list {
			if !strings.Contains(name, "://") {
				out = append(out, filepath.Join(k.dir(), name))
			}
		}
	}
	return out
}

// maxDepth is more kustomizations on top of each other than anybody has; it ends circles.
const maxDepth = 20

// componentsIn are the components of a kustomization among others, each behind its own.
func (k *Kustomization) componentsIn(all map[string]*Kustomization, depth int) []*Kustomization {
	var out []*Kustomization
	for _, name := range k.Components {
		part := filepath.Join(k.dir(), name)
		if real, err := filepath.EvalSymlinks(part); err == nil {
			part = real
		}
		if c := all[part]; c != nil && depth < maxDepth {
			out = append(append(out, c.componentsIn(all, depth+1)...), c)
		}
	}
	return out
}

// OnlyCollects reports whether nothing in a kustomization or its components looks into pod templates: what it builds moves
// as its resources do.
func (k *Kustomization) OnlyCollects() bool {
	return k.onlyPatches() && !slices.ContainsFunc(k.withComponents(), func(k *Kustomization) bool {
		//lint:ignore SA1019 it is deprecated, and people have it
		return len(k.Patches)+len(k.PatchesJson6902)+len(k.PatchesStrategicMerge)+len(k.Replacements) > 0
	})
}

// onlyPatches reports whether patches and replacements are all that may look into pod templates.
func (k *Kustomization) onlyPatches() bool {
	return !slices.ContainsFunc(k.withComponents(), func(k *Kustomization) bool {
		//lint:ignore SA1019 it is deprecated, and people have it
		return len(k.Vars)+len(k.Transformers)+len(k.Configurations)+len(k.OpenAPI) > 0
	})
}

func (k *Kustomization) withComponents() []*Kustomization {
	return append([]*Kustomization{k}, k.components...)
}

func (k *Kustomization) has(file string, all map[string]*Kustomization, depth int) bool {
	parts := k.parts()
	for _, name := range k.patchFiles() {
		parts = append(parts, filepath.Join(k.dir(), name))
	}
	return depth < maxDepth && slices.ContainsFunc(parts, func(part string) bool {
		if real, err := filepath.EvalSymlinks(part); err == nil {
			part = real
		}
		if part == file {
			return true
		}
		below := all[part]
		return below != nil && below.has(file, all, depth+1)
	})
}
