// Package e2e runs the plugin as a user does, as a process, against real API servers and real kubelets.
package e2e

import (
	"os"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

func TestMain(m *testing.M) { os.Exit(plugin.Main(m)) }

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
