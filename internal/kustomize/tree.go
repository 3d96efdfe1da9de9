package kustomize

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A Tree is the kustomization of a folder, with those that it is made of.
type Tree struct {
	// All are the kustomizations, its own first.
	All []*Kustomization
}

// A Built is an object that a Tree renders, and the file that it comes from.
type Built struct {
	Object     map[string]any
	Kind, Name string
	// File is its absolute name; empty where something else makes the object.
	File string
}

// A Source is the manifest of an object that is built: a document of a file.
type Source struct {
	*workload.Workload
	// File is its absolute name.
	File string
}

// ErrRemote is wrapped by the error for a part that is not on disk: nothing is downloaded.
var ErrRemote = errors.New("it is not on this disk, and nothing is downloaded")

// Open reads the kustomization of a folder, and those of its parts.
func Open(dir string) (*Tree, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	t := &Tree{}
	if err := t.open(abs, 0); err != nil {
		return nil, err
	}
	if len(t.All) == 0 {
		return nil, fmt.Errorf("%s has no %s", dir, strings.Join(konfig.RecognizedKustomizationFileNames(), ", "))
	}
	return t, nil
}

func (t *Tree) open(dir string, depth int) error {
	if slices.ContainsFunc(t.All, func(k *Kustomization) bool { return k.dir() == dir }) || depth > maxDepth {
		return nil
	}
	var k *Kustomization
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if k = read(filepath.Join(dir, name)); k != nil {
			break
		}
	}
	if k == nil {
		return nil
	}
	t.All = append(t.All, k)
	for _, name := range k.all() {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%s: %s: %w", k.File, name, ErrRemote)
		}
	}
	for _, part := range k.parts() {
		if real, err := filepath.EvalSymlinks(part); err == nil {
			part = real
		}
		if err := t.open(part, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// all are the names of everything that a kustomization reads, apart from what stands in it.
func (k *Kustomization) all() []string {
	out := k.patchFiles()
	//lint:ignore SA1019 it is deprecated, and people have it
	for _, list := range [][]string{k.Resources, k.Bases, k.Components, k.Crds, k.Generators, k.Transformers, k.Validators, k.Configurations} {
		out = append(out, list...)
	}
	out = append(out, k.OpenAPI["path"])
	for _, r := range k.Replacements {
		out = append(out, r.Path)
	}
	return slices.DeleteFunc(out, func(name string) bool { return name == "" || strings.Contains(name, "\n") })
}

// changed is the disk with some of its files replaced.
type changed struct {
	filesys.FileSystem
	files Files
}

func (c changed) ReadFile(name string) ([]byte, error) {
	if data, ok := c.files[name]; ok {
		return data, nil
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		if data, ok := c.files[real]; ok {
			return data, nil
		}
	}
	return c.FileSystem.ReadFile(name)
}

// Build is what the folder renders with some files replaced.
func (t *Tree) Build(files Files) ([]Built, error) {
	dir := t.All[0].dir()
	built, err := build(changed{filesys.MakeFsOnDisk(), files}, dir)
	if err != nil {
		return nil, err
	}
	told, err := t.origins(files)
	if err != nil {
		return nil, err
	}
	var out []Built
	for i, r := range built.Resources() {
		object, err := r.Map()
		if err != nil {
			return nil, err
		}
		fields, _ := plain(object).(map[string]any)
		b := Built{Object: fields, Kind: r.GetKind(), Name: r.GetName()}
		if told.Size() == built.Size() {
			if o, err := told.Resources()[i].GetOrigin(); err == nil && o != nil && o.Repo == "" && o.Path != "" {
				b.File = filepath.Join(dir, o.Path)
			}
		}
		out = append(out, b)
	}
	return out, nil
}

// origins is the same with annotations that say where each object comes from.
func (t *Tree) origins(files Files) (resmap.ResMap, error) {
	root := t.All[0]
	data, err := files.read(root.File)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := yaml.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	fields["buildMetadata"] = []string{types.OriginAnnotations}
	if data, err = yaml.Marshal(fields); err != nil {
		return nil, err
	}
	with := files.Clone()
	with[root.File] = data
	return build(changed{filesys.MakeFsOnDisk(), with}, root.dir())
}

// Text is what the folder renders with some files replaced, as YAML.
func (t *Tree) Text(files Files) ([]byte, error) {
	built, err := build(changed{filesys.MakeFsOnDisk(), files}, t.All[0].dir())
	if err != nil {
		return nil, err
	}
	return built.AsYaml()
}

// Source finds the manifest of an object that was built. The error says why there is none that can be changed.
func (t *Tree) Source(b Built, files Files) (Source, error) {
	if b.File == "" {
		return Source{}, errors.New("no file among the resources has it: something else makes it")
	}
	name := b.File
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	data, err := files.read(name)
	if err != nil {
		return Source{}, err
	}
	documents, err := workload.Parse(name, data)
	if err != nil {
		return Source{}, fmt.Errorf("%s: %w", name, err)
	}
	var out []Source
	for i := range documents {
		for _, w := range documents[i].Workloads {
			switch {
			case w.Kind != b.Kind || !strings.Contains(b.Name, w.Name):
			case len(out) > 0 && len(out[0].Name) > len(w.Name):
			case len(out) > 0 && len(out[0].Name) < len(w.Name):
				out = []Source{{w, name}} // a prefix or a suffix is shorter than another name in it
			default:
				out = append(out, Source{w, name})
			}
		}
	}
	switch len(out) {
	case 0:
		return Source{}, fmt.Errorf("%s has no %s whose name is in %s", name, b.Kind, b.Name)
	case 1:
		return out[0], nil
	}
	return Source{}, fmt.Errorf("%s has %s %s more than once", name, b.Kind, out[0].Name)
}
