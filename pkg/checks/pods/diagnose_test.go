package pods

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/checktest"
)

// TestDiagnose asserts whole answers: testdata/diagnoses/*.txtar has a comment, a snapshot.yaml and
// the diagnoses.
func TestDiagnose(t *testing.T) {
	paths, err := filepath.Glob("testdata/diagnoses/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s := checktest.Decode(t, path, checktest.Section(archive, "snapshot.yaml"))
			got := checktest.YAML(t, Judge(s, nil).Diagnoses)
			if *checktest.Update {
				for i := range archive.Files {
					if archive.Files[i].Name == "want" {
						archive.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(checktest.Section(archive, "want")), got); diff != "" {
				t.Errorf("-want +got (go test ./pkg/checks -update rewrites it; read what it writes):\n%s", diff)
			}
		})
	}
}
