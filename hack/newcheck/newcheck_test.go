package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNewCheck follows CONTRIBUTING in a copy of the tree: the templates, the list, the expected
// results, and then every test of the package must pass with the new check in it.
func TestNewCheck(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"pkg", "docs", "test/e2e/cases"} {
		if err := os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join("../..", dir))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(root)
	if err := write("node-not-ready"); err != nil {
		t.Fatal(err)
	}
	if err := write("node-not-ready"); err == nil {
		t.Error("a second check of the same id was written over the first")
	}
	list := "pkg/checks/all.go"
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	now := strings.Replace(string(b), "\tkubeletTooOld,", "\tkubeletTooOld,\n\tnodeNotReady,", 1)
	if now == string(b) {
		t.Fatal("no kubeletTooOld in the list to put the new one behind")
	}
	if err := os.WriteFile(list, []byte(now), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"test", "./pkg/checks", "-update"}, {"test", "./pkg/checks"}} {
		if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
	wrote, err := os.ReadFile("pkg/checks/testdata/node-not-ready/problem.txtar")
	if err != nil || !strings.Contains(string(wrote), "status: fail") {
		t.Errorf("the problem is not found: %v\n%s", err, wrote)
	}
}
