package sweep

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

func TestMain(m *testing.M) { os.Exit(plugin.Main(m)) }

// A running is the plugin as a process of its own, for what concerns processes.
type running struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	began          time.Time
}

// launch starts the plugin; prepare may change how. A process that lives for ten minutes is killed.
func launch(t *testing.T, kubeconfig string, prepare func(*exec.Cmd), args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	r := &running{cmd: exec.CommandContext(ctx, plugin.Path(), append(slices.Clone(args), plugin.AskURL(kubeconfig, args)...)...), began: time.Now()}
	r.cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "LC_ALL=C.UTF-8")
	r.cmd.WaitDelay = time.Second // children that outlive it hold the pipes
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	if prepare != nil {
		prepare(r.cmd)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

// wait returns when the process has ended.
func (r *running) wait(t *testing.T) ran {
	t.Helper()
	err := r.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", r.cmd.Args, err)
	}
	return ran{
		args: r.cmd.Args, stdout: r.stdout.String(), stderr: r.stderr.String(),
		exit: r.cmd.ProcessState.ExitCode(), took: time.Since(r.began),
	}
}
