package binaries

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
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
	_, err := build(t.Context(), Target{Name: "broken", Dir: dir, Pkg: ".", Out: out, always: true})
	if err == nil || !strings.Contains(err.Error(), "undefined: missing") {
		t.Errorf("got %v", err)
	}
	if isFile(out) {
		t.Error("there is an output")
	}
}

// TestBuildTold: what is compiled is told, package by package, and what goes wrong is still said.
func TestBuildTold(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":      "module told\n\ngo 1.26\n",
		"main.go":     "package main\n\nimport _ \"told/inner\"\n\nfunc main() {}\n",
		"inner/in.go": "package inner\n\nconst At = `" + dir + "`\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	target := Target{Name: "told", Dir: dir, Pkg: ".", Out: filepath.Join(dir, "out", "told")}
	if _, err := target.BuildTold(t.Context(), func(pkg string) { told = append(told, pkg) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(told, "told/inner") || target.Missing() {
		t.Errorf("told %q, missing: %t", told, target.Missing())
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() { missing() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	target.Out += "2"
	_, err := target.BuildTold(t.Context(), func(string) {})
	if err == nil || !strings.Contains(err.Error(), "undefined: missing") || !target.Missing() {
		t.Errorf("%v, missing: %t", err, target.Missing())
	}
}

// TestBuildInterrupted: what was waiting for another process, or being built, ends, and leaves nothing half made.
func TestBuildInterrupted(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(t.Context(), filepath.Join(dir, ".lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = build(ctx, Target{Name: "waiting", Dir: dir, Pkg: ".", Out: filepath.Join(dir, "out")})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel = context.WithCancel(t.Context())
	marker := filepath.Join(dir, "compiling")
	tool := filepath.Join(dir, "tool")
	if err := os.WriteFile(tool, []byte("#!/bin/sh\nfor a in \"$@\"; do [ \"$a\" = -V=full ] && exec \"$@\"; done\necho $$ >>"+marker+"\nsleep 600\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module slow\n\ngo 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nconst at = `"+dir+"`\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	go func() {
		for ; !isFile(marker) && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		}
		cancel()
	}()
	err = Target{Dir: dir}.Go(ctx, "build", []string{"-toolexec", tool, "-o", filepath.Join(dir, "out"), "."}, io.Discard, io.Discard)
	if err == nil || !isFile(marker) {
		t.Fatalf("%v; nothing was compiled, so nothing was interrupted", err)
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	pids, err := os.ReadFile(marker)
	if err != nil {
		t.Fatal(err)
	}
	for pid := range strings.FieldsSeq(string(pids)) {
		if state, err := os.ReadFile("/proc/" + pid + "/stat"); err == nil && !strings.Contains(string(state), ") Z ") {
			t.Errorf("still running: %s", state)
		}
	}
}
