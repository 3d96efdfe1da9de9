package cluster

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/checktest"
)

// TestTable compares the table of webhooks with what the files of testdata/table want.
func TestTable(t *testing.T) {
	paths, err := filepath.Glob("testdata/table/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	seen := map[string]bool{}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(archive.Comment)) == 0 {
				t.Error("begin with a comment that says what the file shows")
			}
			rows := ViewOf(checktest.Decode(t, path, checktest.Section(archive, "snapshot.yaml"))).Webhooks()
			for _, r := range rows {
				seen[r.Result] = true
			}
			got := checktest.YAML(t, rows)
			if *checktest.Update {
				checktest.Write(t, path, archive, got)
				return
			}
			if diff := cmp.Diff(string(checktest.Section(archive, "want")), got); diff != "" {
				t.Errorf("-want +got (-update rewrites it; read what it writes):\n%s", diff)
			}
		})
	}
	for _, result := range append([]string{resultNotCalled, resultNoDryRun}, fromWorst...) {
		if !seen[result] {
			t.Errorf("no file in which a webhook %q", result)
		}
	}
}
