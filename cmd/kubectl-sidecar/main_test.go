package main

import (
	"errors"
	"flag"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata; read it before you commit it")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kubectl-sidecar": main})
}

// TestScripts runs the transcripts under testdata: they are the specification of the command line.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("KUBECONFIG", env.WorkDir+"/no-kubeconfig")
			env.Setenv("LC_ALL", "C.UTF-8")
			env.Setenv("TERM", "xterm")
			env.Setenv("OTHER_CHECKS", allBut("kubelet-too-old", "kubelet-gate-off"))
			env.Values[serverKey{}] = &current{}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":      exits,
			"apiserver":  apiserver,
			"interrupts": interrupts,
			"pasted":     pasted,
		},
	})
}

// allBut lists the checks of doctor without some: transcripts do not change because there is one check more.
func allBut(ids ...string) string {
	var out []string
	for _, c := range cluster.All() {
		if !slices.Contains(ids, c.ID) {
			out = append(out, c.ID)
		}
	}
	return strings.Join(out, ", ")
}

// exits CODE COMMAND... runs a command and asserts its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitCode(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func exitCode(ts *testscript.TestScript, err error) int {
	var failed *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		return failed.ExitCode()
	}
	ts.Fatalf("running the command: %v", err)
	return -1
}
