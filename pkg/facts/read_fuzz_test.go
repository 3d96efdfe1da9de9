package facts

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzRead reads files that are no snapshots, or not quite. What can be read can be written, and reads
// as the same again. Seeds were recorded on real clusters.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("../../test/e2e/cases/0*/seen.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no recorded situations: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 12<<10)])
	}
	for _, seed := range []string{
		`{"kind":"List","apiVersion":"v1","items":[{"kind":"Node","apiVersion":"v1","metadata":{"name":"a"}}]}`,
		`{"kind":"PodList","apiVersion":"v1","items":[null,{}]}`,
		"a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n",
		"a: &a [*a]\n", "a: &a\n  <<: *a\n", "? [a]\n: b\n", "--- !!binary x\n", "\xff\xfe{\x00}\x00", "%YAML 1.1\n---\n- a\n...\n",
		"kind: Snapshot\napiVersion: kubectl-sidecar.dev/v1\ntakenAt: 0001-01-01T00:00:00Z\nnodes:\n- {}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Read(bytes.NewReader(data), "fuzz")
		if err != nil {
			return
		}
		var first, second bytes.Buffer
		if err := s.Write(&first); err != nil {
			t.Fatal(err)
		}
		again, err := Read(bytes.NewReader(first.Bytes()), "written")
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, &first)
		}
		if err := again.Write(&second); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("written:\n%s\nread and written again:\n%s", &first, &second)
		}
	})
}
