package plugin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts/factstest"
)

// Changed writes the snapshot in file as it is after a change, and returns where.
func Changed(t *testing.T, file string, change func(*facts.Snapshot)) string {
	t.Helper()
	s := factstest.Read(t, file)
	change(s)
	out, err := os.Create(filepath.Join(t.TempDir(), "snapshot.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := s.Write(out); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}
