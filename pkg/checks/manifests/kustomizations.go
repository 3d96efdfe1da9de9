package manifests

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A kustomization is a file of kustomize's, as far as it says what is patched.
type kustomization struct {
	Resources  []string `yaml:"resources"`
	Bases      []string `yaml:"bases"`
	Components []string `yaml:"components"`
	Patches    []struct {
		Path   string  `yaml:"path"`
		Patch  string  `yaml:"patch"`
		Target *target `yaml:"target"`
	} `yaml:"patches"`
	Strategic []string `yaml:"patchesStrategicMerge"`
	JSON      []struct {
		Path   string  `yaml:"path"`
		Patch  string  `yaml:"patch"`
		Target *target `yaml:"target"`
	} `yaml:"patchesJson6902"`

	dir   string
	place func(keys ...string) checks.Place
}

// A target says what a patch is for.
type target struct {
	Kind          string `yaml:"kind"`
	Name          string `yaml:"name"`
	LabelSelector string `yaml:"labelSelector"`
}

// kustomizationNames are what kustomize looks for in a folder.
var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// IsKustomizationName reports whether kustomize looks for a file of that name.
func IsKustomizationName(name string) bool {
	return slices.Contains(kustomizationNames, path.Base(filepath.ToSlash(name)))
}

// kustomizationIn is the one in a file; nil where the file is another.
func kustomizationIn(f *File) *kustomization {
	if len(f.Documents) == 0 {
		return nil
	}
	d := &f.Documents[0]
	apiVersion, _ := d.Object["apiVersion"].(string)
	if !strings.HasPrefix(apiVersion, "kustomize.config.k8s.io/") && !slices.Contains(kustomizationNames, path.Base(f.Name)) {
		return nil
	}
	k := &kustomization{dir: path.Dir(f.Name)}
	if d.Node == nil || d.Node.Decode(k) != nil {
		return nil
	}
	k.place = func(keys ...string) checks.Place {
		w := workload.InDocument(d)
		return placeOf(w.AtObject(keys...))
	}
	return k
}

// References are the local files and folders that a file of kustomize's builds on or patches with; none for another file.
func (f *File) References() []string {
	k := kustomizationIn(f)
	if k == nil {
		return nil
	}
	var out []string
	for _, name := range slices.Concat(k.Resources, k.Bases, k.Components, k.patchFiles()) {
		if !strings.Contains(name, "://") && !strings.ContainsAny(name, "\n?") && !strings.HasPrefix(name, "github.com/") {
			out = append(out, path.Join(k.dir, name))
		}
	}
	return out
}

// patchFiles are the files that are patches, relative to the folder.
func (k *kustomization) patchFiles() []string {
	var out []string
	for _, p := range k.Patches {
		out = append(out, p.Path)
	}
	for _, p := range k.JSON {
		out = append(out, p.Path)
	}
	for _, s := range k.Strategic {
		if !strings.Contains(s, "\n") {
			out = append(out, s)
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// patches are the names of all files that are patches: what stands in them is no workload of its own.
func (in Input) patches() map[string]bool {
	out := map[string]bool{}
	for i := range in.Files {
		if k := kustomizationIn(&in.Files[i]); k != nil {
			for _, name := range k.patchFiles() {
				out[path.Join(k.dir, name)] = true
			}
		}
	}
	return out
}

// A patch is one of a kustomization, with the documents of it.
type patch struct {
	documents []workload.Document
	target    *target
	// at is where it stands in the kustomization; zero where it is a file of its own.
	at checks.Place
}

// patchesOf are the patches of a kustomization, in the order in which kustomize applies them.
func (in Input) patchesOf(k *kustomization) []patch {
	var out []patch
	add := func(name, inline string, t *target, keys ...string) {
		p := patch{target: t}
		if inline != "" {
			p.documents, _ = workload.Parse(name, []byte(inline))
			p.at = k.place(keys...)
		} else if f := in.file(path.Join(k.dir, name)); f != nil {
			p.documents = f.Documents
		}
		if len(p.documents) > 0 {
			out = append(out, p)
		}
	}
	for i, s := range k.Strategic {
		if strings.Contains(s, "\n") {
			add("", s, nil, "patchesStrategicMerge", number(i))
		} else {
			add(s, "", nil)
		}
	}
	for i, p := range k.Patches {
		add(p.Path, p.Patch, p.Target, "patches", number(i), "patch")
	}
	for i, p := range k.JSON {
		add(p.Path, p.Patch, p.Target, "patchesJson6902", number(i), "patch")
	}
	return out
}

func (in Input) file(name string) *File {
	if i := slices.IndexFunc(in.Files, func(f File) bool { return f.Name == name }); i >= 0 {
		return &in.Files[i]
	}
	return nil
}

// folder is the file of kustomize's in a folder.
func (in Input) folder(dir string) *File {
	for _, name := range kustomizationNames {
		if f := in.file(path.Join(dir, name)); f != nil {
			return f
		}
	}
	return nil
}

// An op is one operation of a JSON patch.
type op struct {
	Op    string         `yaml:"op"`
	Path  string         `yaml:"path"`
	Value map[string]any `yaml:"-"`
}

// opsOf are the operations of a document that is a JSON patch; nil for another.
func opsOf(d *workload.Document) []op {
	if d.Node == nil || len(d.Node.Content) == 0 || d.Node.Content[0].Kind != yaml.SequenceNode {
		return nil
	}
	var out []op
	for _, n := range d.Node.Content[0].Content {
		var o op
		var value struct {
			Value any `yaml:"value"`
		}
		if n.Decode(&o) != nil || n.Decode(&value) != nil {
			return nil
		}
		o.Value, _ = value.Value.(map[string]any)
		out = append(out, o)
	}
	return out
}
