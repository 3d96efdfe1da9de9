package ci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

func TestMain(m *testing.M) { os.Exit(plugin.Main(m)) }

// A ran is one finished program.
type ran struct {
	out  string // stdout and stderr
	exit int
}

// run runs a program in a folder; fifteen minutes are too long, on any machine.
func run(t *testing.T, dir string, env []string, program string, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %s %v: %v", program, args, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s %v did not end:\n%s", program, args, out)
	}
	return ran{string(out), cmd.ProcessState.ExitCode()}
}

// must is run for what has to succeed.
func must(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	r := run(t, dir, nil, program, args...)
	if r.exit != 0 {
		t.Fatalf("%s %v: exit %d\n%s", program, args, r.exit, r.out)
	}
	return r.out
}

// repository is a folder with files, as a checkout of somebody's project.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	must(t, dir, "git", "init", "--quiet", "--initial-branch=main")
	must(t, dir, "git", "remote", "add", "origin", "https://git.example/team/project.git")
	must(t, dir, "git", "add", "--all")
	must(t, dir, "git", "-c", "user.name=test", "-c", "user.email=test@git.example", "commit", "--quiet", "--message=all")
	return dir
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// snapshot is a cluster with errors, as a file.
func snapshot(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs("../../docs/examples/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// releases serves two: v0.1.0, and v0.1.1, whose archive is not the one that the sums are of.
func releases(t *testing.T) string {
	t.Helper()
	program, err := os.ReadFile(plugin.Path())
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("kubectl-sidecar_%s_%s.tar.gz", runtime.GOOS, runtime.GOARCH)
	archive := archived(t, program)
	sums := fmt.Sprintf("%x  another.tar.gz\n%x  %s\n", sha256.Sum256(nil), sha256.Sum256(archive), name)
	files := map[string][]byte{
		"/v0.1.0/" + name: archive, "/v0.1.0/checksums.txt": []byte(sums),
		"/v0.1.1/" + name: archived(t, []byte("#!/bin/sh\necho something else\n")), "/v0.1.1/checksums.txt": []byte(sums),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(data)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func archived(t *testing.T, program []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	compressed := gzip.NewWriter(&out)
	archive := tar.NewWriter(compressed)
	err := archive.WriteHeader(&tar.Header{Name: "kubectl-sidecar", Mode: 0o755, Size: int64(len(program))})
	if err != nil {
		t.Fatal(err)
	}
	_, err = archive.Write(program)
	if err := errors.Join(err, archive.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
