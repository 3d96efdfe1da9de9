package release

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestReproducible: somebody else, elsewhere, at another time and without git, gets the same bytes. The
// compiler's cache is shared unless FRESH is set, as make reproducible does: all is compiled anew then.
func TestReproducible(t *testing.T) {
	first := dist(t)
	src := t.TempDir()
	copySources(t, src)
	env := append(os.Environ(), "HOME="+t.TempDir(), "TZ=Pacific/Chatham", "LC_ALL=C", "SOURCE_DATE_EPOCH=1", "GOAMD64=v3", "GOFLAGS=-buildvcs=auto",
		"GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOCACHE="+goEnv(t, "GOCACHE"), "GOPATH="+goEnv(t, "GOPATH"))
	if os.Getenv("FRESH") != "" {
		env = append(env, "GOCACHE="+t.TempDir())
	}
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	cmd := exec.Command("go", "run", "./hack/release", "-version", version, "-platforms", "linux/amd64,windows/amd64", "-out", "elsewhere")
	cmd.Dir, cmd.Env = src, env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	second := filepath.Join(src, "elsewhere")
	entries, err := os.ReadDir(second)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if e.Name() == "checksums.txt" {
			continue // of six platforms there, of two here
		}
		if !bytes.Equal(read(t, filepath.Join(first, e.Name())), read(t, filepath.Join(second, e.Name()))) {
			t.Errorf("%s differs", e.Name())
		}
	}
	want := []string{"checksums.txt", "kubectl-sidecar_linux_amd64.sbom.json", "kubectl-sidecar_linux_amd64.tar.gz",
		"kubectl-sidecar_windows_amd64.sbom.json", "kubectl-sidecar_windows_amd64.zip", "sidecar-run_linux_amd64"}
	if !slices.Equal(names, want) {
		t.Errorf("built %v, want %v", names, want)
	}
}

// copySources copies what git would have of this tree.
func copySources(t *testing.T, to string) {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	list.Dir = top
	out, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(top, name))
		if os.IsNotExist(err) {
			continue // deleted, not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatalf("go env %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
