package kustomize

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestMentions: what is rewritten so that the same is built, and what cannot be.
func TestMentions(t *testing.T) {
	deployment := "target: {kind: Deployment, name: web}\n  patch: |\n"
	for _, test := range []struct {
		name, files string
		// want are lines that are there afterwards; refused is a part of the error where nothing can be proven.
		want    []string
		refused string
	}{
		{"replacements-in-a-file", `
-- test/kustomization.yaml --
resources: [../base]
replacements:
- path: ../parts/image.yaml
- path: one.yaml
-- parts/image.yaml --
- source: {kind: Deployment, name: web, fieldPath: "spec.template.spec.containers.[name=web].image"}
  targets:
  - select: {kind: Deployment}
    fieldPaths:
    - spec.template.spec.containers.[name=log].image # ours
    - spec.template.spec.containers.1.image
-- test/one.yaml --
source: {kind: Deployment, name: web, fieldPath: spec.template.spec.containers.0.image}
targets:
- select: {kind: Deployment}
  fieldPaths: [metadata.labels.x]
  options: {create: true}
`, []string{"spec.template.spec.initContainers.[name=log].image", "    - spec.template.spec.containers.0.image", "fieldPath: spec.template.spec.initContainers.0.image"}, ""},
		{"replacement-in-all-containers", `
-- test/kustomization.yaml --
resources: [../base]
replacements:
- path: image.yaml
-- test/image.yaml --
- source: {kind: Deployment, name: web, fieldPath: metadata.name}
  targets:
  - select: {kind: Deployment}
    fieldPaths: ["spec.template.spec.containers.*.image"]
`, nil, "test/image.yaml:4: spec.template.spec.containers.*.image"},
		{"deleted-and-then-counted", `
-- test/kustomization.yaml --
resources: [../base]
patches:
- ` + deployment + `    - {op: remove, path: /spec/template/spec/containers/0}
    - op: replace
      path: /spec/template/spec/containers/0/image
      value: web:3
`, []string{"{op: remove, path: /spec/template/spec/initContainers/0}", "      path: /spec/template/spec/containers/0/image"}, ""},
		{"another-deleted-and-then-counted", `
-- test/kustomization.yaml --
resources: [../base]
patches:
- ` + deployment + `    - {op: add, path: /spec/template/spec/containers/1, value: {name: new, image: new}}
    - {op: remove, path: /spec/template/spec/containers/2}
    - {op: replace, path: /spec/template/spec/containers/1/image, value: new:2}
    - {op: replace, path: /spec/template/spec/containers/0/image, value: log:2}
`, []string{"path: /spec/template/spec/containers/0, value: {name: new", "remove, path: /spec/template/spec/containers/1}", "path: /spec/template/spec/containers/0/image, value: new:2", "path: /spec/template/spec/initContainers/0/image"}, ""},
		{"patch-delete", `
-- test/kustomization.yaml --
resources: [../base]
patches:
- path: gone.yaml
- ` + deployment + `    - {op: replace, path: /spec/template/spec/containers/0/image, value: web:3}
-- test/gone.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - name: log
        $patch: delete
`, []string{"      initContainers:\n      - name: log\n        $patch: delete"}, ""},
		{"init-container-behind", `
-- test/kustomization.yaml --
resources: [../base]
patches:
- ` + deployment + `    - {op: add, path: /spec/template/spec/initContainers, value: [{name: first, image: first}]}
`, nil, "/spec/template/spec/initContainers"},
		{"list-replaced", `
-- test/kustomization.yaml --
resources: [../base]
patches:
- ` + deployment + `    - {op: replace, path: /spec/template/spec/containers, value: [{name: web, image: web:2}]}
`, nil, "/spec/template/spec/containers"},
		{"in-a-component", `
-- test/kustomization.yaml --
resources: [../base]
components: [../part]
-- part/kustomization.yaml --
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
- ` + deployment + `    - {op: replace, path: /spec/template/spec/containers/0/image, value: log:3}
`, []string{"path: /spec/template/spec/initContainers/0/image, value: log:3"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := tree(t, shop+test.files)
			m, files := movedLog(t, dir)
			around, err := new(Finder).Around(filepath.Join(dir, "base/web.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var k *Kustomization
			for _, o := range around {
				if o.dir() == filepath.Join(dir, "test") {
					k = o
				}
			}
			if k == nil || k.OnlyCollects() {
				t.Fatalf("%d kustomizations", len(around))
			}
			if err = files.Rewrite(m, k.AllMentions(m)); err == nil {
				err = k.Prove(nil, files, []*Moved{m})
			}
			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), test.refused) {
					t.Errorf("%v, want %s", err, test.refused)
				}
				return
			}
			if err != nil {
				t.Error(err)
			}
			got := ""
			for name, data := range files {
				got += "-- " + name + " --\n" + string(data)
			}
			for _, want := range test.want {
				if !strings.Contains(strings.ReplaceAll(got, "'", ""), want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
		})
	}
}

// TestElsewhere: nothing is downloaded to prove a move. What has parts elsewhere is left alone if nothing in it looks at the
// containers, and an obstacle else.
func TestElsewhere(t *testing.T) {
	for patch, want := range map[string]string{
		"{op: add, path: /metadata/labels, value: {a: b}}":                          "",
		"{op: replace, path: /spec/template/spec/containers/0/image, value: log:3}": "it is not on this disk, and nothing is downloaded",
	} {
		dir := tree(t, shop+"\n-- test/kustomization.yaml --\nresources: [../base, \"http://127.0.0.1:9/x.yaml\"]\npatches:\n- target: {kind: Deployment}\n  patch: |\n    - "+patch+"\n")
		m, files := movedLog(t, dir)
		around, err := new(Finder).Around(filepath.Join(dir, "base/web.yaml"))
		if err != nil || len(around) != 3 {
			t.Fatalf("%d kustomizations: %v", len(around), err)
		}
		if err := files.Rewrite(m, around[2].AllMentions(m)); err != nil {
			t.Fatal(err)
		}
		err = around[2].Prove(nil, files, []*Moved{m})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "dial")) {
			t.Errorf("%s: %v, want %q", patch, err, want)
		}
	}
}
