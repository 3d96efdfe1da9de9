// Package release builds a release as make release does and hands it to those who consume it: krew,
// kubectl, sha256sum, and the schema of bills of materials.
package release

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

const (
	top     = "../.." // of the checkout
	version = "v0.1.0"
)

// dist is the folder with a whole release, made when it is first asked for, and served at url as a
// download site would.
var (
	scratch string
	url     string
)

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "kubectl-sidecar-release-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	site := httptest.NewServer(http.StripPrefix("/"+version+"/", http.FileServer(http.Dir(filepath.Join(scratch, "dist")))))
	url = site.URL
	code := m.Run()
	site.Close()
	os.RemoveAll(scratch)
	os.Exit(code)
}

var build = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "dist")
	cmd := exec.Command("go", "run", "./hack/release", "-version", version, "-out", dir, "-url", url)
	cmd.Dir = top
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building a release: %w\n%s", err, out)
	}
	return dir, nil
})

func dist(t *testing.T) string {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// A user is somebody with a home of their own, kubectl and krew on PATH, and nothing else of ours.
type user struct {
	home string
	env  []string
}

var tools = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(scratch, "tools")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return "", err
	}
	ctx := context.Background()
	minor, err := binaries.Newest("kubectl")
	if err != nil {
		return "", err
	}
	for name, find := range map[string]func() (string, error){
		"kubectl": func() (string, error) { return binaries.Kubernetes(ctx, minor, "kubectl") },
		"kubectl-krew": func() (string, error) {
			return binaries.Program(ctx, "test/release/krew", "sigs.k8s.io/krew/cmd/krew")
		},
		"validate-krew-manifest": func() (string, error) {
			return binaries.Program(ctx, "test/release/krew", "sigs.k8s.io/krew/cmd/validate-krew-manifest")
		},
	} {
		program, err := find()
		if err != nil {
			return "", err
		}
		if err := os.Symlink(program, filepath.Join(bin, name)); err != nil {
			return "", err
		}
	}
	return bin, nil
})

func newUser(t *testing.T, kubeconfig string) user {
	t.Helper()
	bin, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	krew := filepath.Join(home, ".krew")
	return user{home: home, env: []string{
		"HOME=" + home, "KREW_ROOT=" + krew, "KREW_NO_UPGRADE_CHECK=1", "KUBECONFIG=" + kubeconfig, "LC_ALL=C.UTF-8",
		"PATH=" + strings.Join(append([]string{filepath.Join(krew, "bin"), bin}, withoutPlugins(os.Getenv("PATH"))...), ":"),
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	}}
}

// withoutPlugins are the folders of a PATH that have no plugin of kubectl.
func withoutPlugins(path string) []string {
	return slices.DeleteFunc(filepath.SplitList(path), func(dir string) bool {
		plugins, _ := filepath.Glob(filepath.Join(dir, "kubectl-*"))
		return len(plugins) > 0
	})
}

// run runs a program that must succeed, and returns what it printed.
func (u user) run(t *testing.T, name string, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, err := u.try(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdout, stderr)
	}
	return stdout, stderr
}

func (u user) try(t *testing.T, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	// The program is looked for on this user's PATH.
	cmd := exec.CommandContext(ctx, "/usr/bin/env", append(append([]string{"-i"}, u.env...), append([]string{name}, args...)...)...)
	cmd.Dir = u.home
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %s did not end\n%s%s", name, strings.Join(args, " "), &out, &errOut)
	}
	return out.String(), errOut.String(), err
}
