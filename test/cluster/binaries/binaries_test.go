package binaries

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every folder under test/kubernetes is understood: its commands and the full
// version.
func TestMinors(t *testing.T) {
	minors, err := Minors()
	if err != nil || len(minors) == 0 {
		t.Fatalf("%v, %v", minors, err)
	}
	if !slices.IsSortedFunc(minors, func(a, b string) int { return minorNumber(a) - minorNumber(b) }) {
		t.Errorf("not in order: %v", minors)
	}
	for _, minor := range minors {
		version, err := GitVersion(minor)
		if err != nil || !strings.HasPrefix(version, "v"+minor+".") {
			t.Errorf("%s: %q, %v", minor, version, err)
		}
		components, err := Components(minor)
		if err != nil || !slices.Contains(components, "kubelet") {
			t.Errorf("%s: %v, %v", minor, components, err)
		}
	}
	newest, err := Newest("kube-apiserver", "kubelet")
	if err != nil || !slices.Contains(minors, newest) {
		t.Errorf("newest: %q, %v", newest, err)
	}
}

func TestUnavailable(t *testing.T) {
	for _, want := range []struct{ minor, component, message string }{
		{"1.2", "kubelet", "kubernetes 1.2 is not available (available: 1."},
		{"1.27", "kube-nothing", "kubernetes 1.27 has no tool directive for kube-nothing"},
	} {
		if _, err := Kubernetes(t.Context(), want.minor, want.component); err == nil || !strings.Contains(err.Error(), want.message) {
			t.Errorf("got %v, want %s", err, want.message)
		}
	}
}

// What cannot be built leaves nothing under its name, and says why.
func TestBuildFails(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module broken\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() { missing() }\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out", "broken")
	_, err := build(t.Context(), target{name: "broken", dir: dir, pkg: ".", out: out, always: true})
	if err == nil || !strings.Contains(err.Error(), "undefined: missing") {
		t.Errorf("got %v", err)
	}
	if isFile(out) {
		t.Error("there is an output")
	}
}
