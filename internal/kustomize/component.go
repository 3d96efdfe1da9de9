package kustomize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
)

// A Patched is one object with the patch that makes it what is wanted.
type Patched struct {
	APIVersion, Kind, Namespace, Name string
	Object                            map[string]any
	Want                              any
	Patch                             []edit.Op
}

type component struct {
	APIVersion string  `yaml:"apiVersion"`
	Kind       string  `yaml:"kind"`
	Patches    []patch `yaml:"patches"`
}

type patch struct {
	Target target `yaml:"target"`
	Patch  string `yaml:"patch"`
}

type target struct {
	Group     string `yaml:"group,omitempty"`
	Version   string `yaml:"version"`
	Kind      string `yaml:"kind"`
	Name      string `yaml:"name"`
	Namespace string `yaml:"namespace,omitempty"`
}

// Component is a kustomize component that patches objects, proven: built on top of them it makes what is wanted.
func Component(objects []Patched) ([]byte, error) {
	c := component{APIVersion: "kustomize.config.k8s.io/v1alpha1", Kind: "Component"}
	for _, o := range objects {
		text, err := operations(o.Patch)
		if err != nil {
			return nil, err
		}
		group, version, found := strings.Cut(o.APIVersion, "/")
		if !found {
			group, version = "", o.APIVersion
		}
		c.Patches = append(c.Patches, patch{
			Target: target{Group: group, Version: version, Kind: o.Kind, Name: regexp.QuoteMeta(o.Name), Namespace: o.Namespace},
			Patch:  text,
		})
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	e.CompactSeqIndent()
	if err := e.Encode(c); err != nil {
		return nil, err
	}
	return out.Bytes(), prove(objects, out.Bytes())
}

// operations is a JSON patch as YAML, one operation after the other.
func operations(ops []edit.Op) (string, error) {
	text, err := json.Marshal(ops)
	if err != nil {
		return "", err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return "", err
	}
	var block func(n *yaml.Node)
	block = func(n *yaml.Node) {
		if n.Style &^= yaml.FlowStyle; n.Kind == yaml.ScalarNode {
			n.Style = 0
		}
		for _, child := range n.Content {
			block(child)
		}
	}
	block(&node)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	e.CompactSeqIndent()
	err = e.Encode(&node)
	return out.String(), err
}

func prove(objects []Patched, text []byte) error {
	mem := filesys.MakeFsInMemory()
	files := map[string]string{
		"/all/kustomization.yaml":       "resources: [../base]\ncomponents: [../component]\n",
		"/base/kustomization.yaml":      "resources:\n",
		"/component/kustomization.yaml": string(text),
	}
	for i, o := range objects {
		data, err := json.Marshal(o.Object)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%d.json", i)
		files["/base/kustomization.yaml"] += "- " + name + "\n"
		files["/base/"+name] = string(data)
	}
	for name, data := range files {
		if err := mem.WriteFile(name, []byte(data)); err != nil {
			return err
		}
	}
	built, err := build(mem, "/all")
	if err != nil {
		return err
	}
	if built.Size() != len(objects) {
		return fmt.Errorf("kustomize made %d objects of %d", built.Size(), len(objects))
	}
	for i, r := range built.Resources() {
		got, err := r.Map()
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(plain(got), plain(objects[i].Want)) {
			return fmt.Errorf("%s %s: kustomize makes something else of it", objects[i].Kind, objects[i].Name)
		}
	}
	return nil
}
