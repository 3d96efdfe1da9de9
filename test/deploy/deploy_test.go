package deploy

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

var update = flag.Bool("update", false, "write the ClusterRole anew")

// The names that a user would choose; deploy/ has others, which no runtime can pull.
const (
	imageName   = "registry.example/kubectl-sidecar"
	kubectlName = "registry.example/kubectl"
	version     = "v0.0.0-test"
)

// built is the folder with the image and the programs in it, made once by `make image`.
var built string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "kubectl-sidecar-deploy-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = filepath.Join(dir, "first")
	if err := makeImage(built); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// makeImage is `make image` for this machine alone. What changes with every commit is given, because the
// tree may be committed to meanwhile.
func makeImage(dir string, env ...string) error {
	cmd := exec.Command("make", "-s", "-C", "../..", "image", "IMAGE_DIR="+dir, "IMAGE_ARCHES="+runtime.GOARCH,
		"VERSION="+version, "SOURCE_DATE_EPOCH=1700000000", "GOFLAGS=-buildvcs=false")
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make image: %w\n%s", err, out)
	}
	return nil
}

// wrapper is sidecar-run in the image.
func wrapper() string { return filepath.Join(filepath.Dir(program()), "sidecar-run") }

func archive() string { return filepath.Join(built, "kubectl-sidecar-image.tar") }

func program() string {
	return filepath.Join(built, "image", "linux-"+runtime.GOARCH, "kubectl-sidecar")
}

// needsKubelets skips a test where real kubelets cannot run, and fails it in CI.
func needsKubelets(t *testing.T) {
	t.Helper()
	if err := cluster.CanRunNodes(); err != nil {
		missing(t, err)
	}
}

func missing(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
}

func kubectlPath(t *testing.T) string {
	t.Helper()
	path, err := binaries.Kubernetes(t.Context(), "1.36", "kubectl")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// kubectl runs the real one as the administrator of c, or without a cluster.
func kubectl(t *testing.T, c *cluster.Cluster, args ...string) string {
	t.Helper()
	kubeconfig := os.DevNull
	if c != nil {
		kubeconfig = c.Kubeconfig
	}
	cmd := exec.CommandContext(t.Context(), kubectlPath(t), append([]string{"--kubeconfig", kubeconfig}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("kubectl %v: %v\n%s%s", args, err, &stdout, &stderr)
	}
	return stdout.String()
}

// overlay writes a kustomization on top of one of deploy/, and returns its folder.
func overlay(t *testing.T, of string, more map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	base, err := filepath.Abs(filepath.Join("../../deploy", of))
	if err != nil {
		t.Fatal(err)
	}
	if base, err = filepath.Rel(dir, base); err != nil {
		t.Fatal(err)
	}
	kustomization := map[string]any{"resources": []string{base}}
	for key, value := range more {
		kustomization[key] = value
	}
	data, err := yaml.Marshal(kustomization)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// launch runs the program of the image.
func launch(t *testing.T, kubeconfig string, args ...string) plugin.Ran {
	t.Helper()
	return plugin.Launch(t, kubeconfig, program(), append(args, plugin.AskURL(kubeconfig, args)...)...)
}

// await asks until the answer is nil, for at most ten minutes.
func await(t *testing.T, what string, ask func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = ask(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}
