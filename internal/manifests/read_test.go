package manifests

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
)

const job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  template:\n    spec:\n      containers:\n      - {name: a, image: a}\n"

// tree writes files and moves into their folder.
func tree(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRead(t *testing.T) {
	tree(t, map[string]string{
		"a/one.yaml": job, "a/two.yml": "\ufeff" + strings.ReplaceAll(job, "\n", "\r\n"), "a/notes.txt": job, "a/deep/three.json": `{"apiVersion":"v1","kind":"Pod","spec":{"containers":[]}}`,
		"a/.git/config.yaml": job, "a/deep/templates/job.yaml": "kind: Job\nspec:\n  {{- if .Values.x }}\n  template: {}\n  {{- end }}\n",
		"single.txt": job, "broken.yaml": "kind: Job\n  a: b\n c: d\n",
	})
	for _, test := range []struct {
		names     []string
		recursive bool
		want      []string // name:workloads, with T for templates and E for errors
	}{
		{[]string{"a"}, false, []string{"a/one.yaml:1", "a/two.yml:1"}},
		{[]string{"a/"}, true, []string{"a/deep/templates/job.yaml:0T", "a/deep/three.json:1", "a/one.yaml:1", "a/two.yml:1"}},
		{[]string{"a/*.y*ml", "./a/one.yaml"}, false, []string{"a/one.yaml:1", "a/two.yml:1"}},
		{[]string{"single.txt", "-"}, false, []string{"single.txt:1", "stdin:1"}},
		{[]string{"broken.yaml"}, false, []string{"broken.yaml:0E"}},
	} {
		files, err := Read(Options{Names: test.names, Recursive: test.recursive, Stdin: strings.NewReader(job)})
		if err != nil {
			t.Errorf("%v: %v", test.names, err)
		}
		var got []string
		for _, f := range files {
			n := 0
			for _, d := range f.Documents {
				n += len(d.Workloads)
			}
			text := f.Name + ":" + string(rune('0'+n))
			if f.Template {
				text += "T"
			}
			if f.Err != nil {
				text += "E"
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.names, diff)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	tree(t, map[string]string{"a.yaml": job})
	for _, name := range []string{"b.yaml", "*.json", "https://example.com/a.yaml", "[a"} {
		_, err := Read(Options{Names: []string{"a.yaml", name}})
		var bad *NameError
		if !errors.As(err, &bad) || bad.Name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBuild(t *testing.T) {
	tree(t, map[string]string{"k/kustomization.yaml": "resources: [job.yaml]\nnamePrefix: x-\n", "k/job.yaml": job})
	files, err := Build("k")
	if err != nil || len(files) != 3 || !files[0].Built || files[0].Documents[0].Workloads[0].Name != "x-j" || !files[1].Root || files[2].Name != "k/job.yaml" || !files[2].Context {
		t.Errorf("%+v, %v", files, err)
	}
	if _, err := Build("."); err == nil {
		t.Error("a folder without a kustomization was built")
	}
}

// TestSettle: what is read is settled, but nothing where a file of kustomize's is involved, whatever its name is.
func TestSettle(t *testing.T) {
	kustomization := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [job.yaml]\n"
	for name, want := range map[string]bool{"config.yaml": true, "kustomization.yaml": false, "other.yaml": false} {
		text := kustomization
		if name == "config.yaml" {
			text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
		}
		tree(t, map[string]string{"a/job.yaml": job, "a/" + name: text})
		files, err := Read(Options{Names: []string{"a"}, Settle: manifests.Input{Minor: manifests.Newest}.Settler(nil)})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if f.Settled != want {
				t.Errorf("%s beside %s: settled %v", f.Name, name, f.Settled)
			}
			if !want && f.Documents[0].Node == nil {
				t.Errorf("%s beside %s: its text is gone", f.Name, name)
			}
		}
	}
}
