package manifests

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestSettled: what was judged file by file is the same as what is judged together, and nothing of the text stays.
func TestSettled(t *testing.T) {
	settled := 0
	for _, s := range samples(t) {
		whole, one := s.input, s.input
		one.Files = slices.Clone(whole.Files)
		for i, f := range one.Files { // Settle forgets what it was given
			at := slices.IndexFunc(s.archive.Files, func(a txtar.File) bool { return a.Name == f.Name })
			one.Files[i] = Parse(f.Name, s.archive.Files[at].Data)
		}
		related := slices.ContainsFunc(one.Files, func(f File) bool { return f.Kustomization() })
		for i := range one.Files {
			if !related {
				bare := one
				bare.Files = nil
				bare.Settler(nil)(&one.Files[i])
			}
			if f := &one.Files[i]; f.Settled {
				settled++
				for _, d := range f.Documents {
					if d.Node != nil || d.Object != nil {
						t.Errorf("%s: the text of %s stays", s.path, f.Name)
					}
				}
			}
		}
		if diff := cmp.Diff(text(t, Judge(whole, nil)), text(t, Judge(one, nil))); diff != "" {
			t.Errorf("%s (-together +settled):\n%s", s.path, diff)
		}
		if diff := cmp.Diff(text(t, []any{whole.Snapshot(), whole.Skipped(), whole.Judged(), len(whole.Workloads())}), text(t, []any{one.Snapshot(), one.Skipped(), one.Judged(), len(one.Workloads())})); diff != "" {
			t.Errorf("%s (-together +settled):\n%s", s.path, diff)
		}
	}
	if settled < 60 {
		t.Errorf("%d files were settled", settled)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestSettledServices: a Service of another file decides what is said of a named port, before and after it.
func TestSettledServices(t *testing.T) {
	web := "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: web}}\nspec:\n  initContainers:\n  - {name: proxy, image: envoy, restartPolicy: Always, ports: [{name: p, containerPort: 1}]}\n  containers:\n  - {name: web, image: web}\n"
	other := "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 1, targetPort: q}]}\n"
	for _, order := range [][]string{{web, other}, {other, web}} {
		in := Input{Minor: 31}
		whole := in
		for i, text := range order {
			f := Parse([]string{"a.yaml", "b.yaml"}[i], []byte(text))
			whole.Files = append(whole.Files, Parse(f.Name, []byte(text)))
			in.Settler(nil)(&f)
			in.Files = append(in.Files, f)
		}
		if diff := cmp.Diff(text(t, Judge(whole, nil)), text(t, Judge(in, nil))); diff != "" {
			t.Errorf("(-together +settled):\n%s", diff)
		}
	}
}
