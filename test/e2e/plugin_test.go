// Package e2e runs the plugin as a user does, as a process, against real API servers and real kubelets.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// pluginPath is the plugin, built once from this tree by TestMain.
var pluginPath string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "kubectl-sidecar-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pluginPath = filepath.Join(dir, "kubectl-sidecar")
	build := exec.Command("go", "build", "-o", pluginPath, "../../cmd/kubectl-sidecar")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the plugin: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// needsKubelets skips a test where real kubelets cannot run, and fails it in CI.
func needsKubelets(t *testing.T) {
	t.Helper()
	err := cluster.CanRunNodes()
	if err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// A ran is one finished run of the plugin.
type ran struct {
	stdout, stderr string
	exit           int
}

// plugin runs the plugin with kubeconfig and args; a run of more than two minutes fails the test.
func plugin(t *testing.T, kubeconfig string, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, pluginPath, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "LC_ALL=C.UTF-8")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %v: %v", args, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%v did not end: %v\n%s%s", args, ctx.Err(), &stdout, &stderr)
	}
	return ran{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// report decodes the run's JSON report.
func (r ran) report(t *testing.T) *report.Report {
	t.Helper()
	rep := new(report.Report)
	if err := json.Unmarshal([]byte(r.stdout), rep); err != nil {
		t.Fatalf("the report is no JSON: %v\nexit %d\n%s\n%s", err, r.exit, r.stdout, r.stderr)
	}
	return rep
}
