// Package factstest reads snapshots for tests.
package factstest

import (
	"os"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Read is the snapshot in a file.
func Read(t testing.TB, file string) *facts.Snapshot {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := facts.Read(f, file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
