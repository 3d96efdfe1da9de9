package kustomize

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

var wayOfDeployment = []string{"spec", "template", "spec"}

// tree writes the files of an archive into a folder of their own, and returns it.
func tree(t *testing.T, text string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse([]byte(text)).Files {
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const shop = `
-- base/web.yaml --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: log
        image: log:1
      - name: web
        image: web:1
-- base/kustomization.yaml --
resources:
- web.yaml
-- elsewhere/kustomization.yaml --
resources:
- other.yaml
-- prod/memory.yaml --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
      # more of it
      - name: log
        resources:
          limits:
            memory: 64Mi
-- prod/kustomization.yaml --
resources:
- ../base
namePrefix: p-
images:
- name: log
  newTag: "2" # ours
patches:
- path: memory.yaml
- target:
    kind: Deployment
    name: web
  patch: |-
    # counted from 0
    - op: add
      path: /spec/template/spec/containers/0/env
      value: [{name: A, value: b}]
    - op: replace
      path: /spec/template/spec/containers/1/image
      value: web:2
- patch: |-
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: web
    spec:
      template:
        spec:
          containers:
          - name: log
            tty: true
          - name: web
            tty: true
`

// movedLog is the move of a container in base/web.yaml, and the files with it made.
func movedLog(t *testing.T, dir string) (*Moved, Files) {
	t.Helper()
	name := filepath.Join(dir, "base/web.yaml")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c := edit.Change{Way: wayOfDeployment, Moves: []edit.Move{{Container: "log"}}}
	result, err := edit.Apply(data, c)
	if err != nil {
		t.Fatal(err)
	}
	spec := func(data []byte) map[string]any {
		var v any
		if err := yaml.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		return workload.Descend(v, wayOfDeployment).(map[string]any)
	}
	m := &Moved{Kind: "Deployment", Name: "web", Way: wayOfDeployment, Containers: []string{"log"}, Moves: c.Moves, Before: spec(data), After: spec(result.Data)}
	return m, Files{name: result.Data}
}

func TestRewrite(t *testing.T) {
	dir := tree(t, shop)
	m, files := movedLog(t, dir)
	around, err := new(Finder).Around(filepath.Join(dir, "base/web.yaml"))
	if err != nil || len(around) != 2 {
		t.Fatalf("%d kustomizations: %v", len(around), err)
	}
	prod := around[1]
	mentions := prod.Mentions(m)
	if len(mentions) != 4 {
		t.Fatalf("mentions: %+v", mentions)
	}
	if err := prod.Prove(nil, files, []*Moved{m}); err == nil {
		t.Error("proven although no patch was rewritten")
	}
	if err := files.Rewrite(m, mentions); err != nil {
		t.Fatal(err)
	}
	if err := prod.Prove(nil, files, []*Moved{m}); err != nil {
		t.Error(err)
	}
	got := string(files[filepath.Join(dir, "prod/kustomization.yaml")]) + string(files[filepath.Join(dir, "prod/memory.yaml")])
	for _, want := range []string{
		"    # counted from 0\n    - op: add\n      path: /spec/template/spec/initContainers/0/env\n",
		"path: /spec/template/spec/containers/0/image\n",
		"          containers:\n          - name: web\n            tty: true\n          initContainers:\n          - name: log\n            tty: true\n",
		"  newTag: \"2\" # ours\n",
		"      initContainers:\n      # more of it\n      - name: log\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestReplacement: field paths of replacements follow the container, where they read it and where they write it; that
// the same is built proves it. Those of others stay.
func TestReplacement(t *testing.T) {
	text := `resources: [../base]
replacements:
- source: {kind: Deployment, name: web, fieldPath: "spec.template.spec.containers.[name=log].image"}
  targets:
  - select: {kind: Deployment, name: web}
    fieldPaths:
    - spec.template.spec.containers.[name=log].image # ours
    - spec.template.spec.containers.[name=web].image
    - metadata.labels.x
    options: {create: true}
`
	dir := tree(t, shop+"\n-- test/kustomization.yaml --\n"+text)
	m, files := movedLog(t, dir)
	around, err := new(Finder).Around(filepath.Join(dir, "base/web.yaml"))
	if err != nil || len(around) != 3 {
		t.Fatalf("%d kustomizations: %v", len(around), err)
	}
	mentions := around[2].Mentions(m)
	if err := files.Rewrite(m, mentions); err != nil || len(mentions) != 2 {
		t.Fatalf("%v: %+v", err, mentions)
	}
	if err := around[2].Prove(nil, files, []*Moved{m}); err != nil {
		t.Error(err)
	}
	want := strings.NewReplacer(
		"spec.template.spec.containers.[name=log].image #", "'spec.template.spec.initContainers.[name=log].image' #",
		".containers.[name=log]", ".initContainers.[name=log]").Replace(text)
	if got := string(files[filepath.Join(dir, "test/kustomization.yaml")]); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestUnknownMention: a patch that reads a container by its index cannot be rewritten, and is named with its line.
func TestUnknownMention(t *testing.T) {
	dir := tree(t, shop+`
-- test/kustomization.yaml --
resources: [../base]
patches:
- target: {kind: Deployment, name: web}
  patch: |
    - op: copy
      from: /spec/template/spec/containers/0/image
      path: /spec/template/spec/containers/1/image
`)
	m, files := movedLog(t, dir)
	around, err := new(Finder).Around(filepath.Join(dir, "base/web.yaml"))
	if err != nil || len(around) != 3 {
		t.Fatalf("%d kustomizations: %v", len(around), err)
	}
	if err := files.Rewrite(m, around[2].Mentions(m)); err == nil || !strings.Contains(err.Error(), "test/kustomization.yaml:") {
		t.Error(err)
	}
}

func TestComponent(t *testing.T) {
	dir := tree(t, shop)
	data, err := os.ReadFile(filepath.Join(dir, "base/web.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := yaml.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	c := edit.Change{Way: wayOfDeployment, Moves: []edit.Move{{Container: "log", Probe: map[string]any{"tcpSocket": map[string]any{"port": 1}}}}}
	want, err := edit.Values(object, c)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := edit.Patch(object, c)
	if err != nil {
		t.Fatal(err)
	}
	p := Patched{APIVersion: "apps/v1", Kind: "Deployment", Name: "web", Object: object, Want: want, Patch: patch}
	out, err := Component([]Patched{p})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "kind: Component\npatches:\n- target:\n    group: apps\n") {
		t.Errorf("%s", out)
	}
	p.Patch = patch[:len(patch)-1]
	if _, err := Component([]Patched{p}); err == nil {
		t.Error("proven although the probe is missing")
	}
}
