package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// TestRecorded asks about what was recorded, on each version. kubectl's output does not say when it was taken, so
// what only a clock tells may be unknown, but nothing may be told that is not so.
func TestRecorded(t *testing.T) {
	needsWhy(t)
	for _, s := range readSituations(t, *onlyCase) {
		if s.name != s.folder {
			continue
		}
		files, err := filepath.Glob(s.file("seen*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			t.Run(s.name+strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "seen"), ".yaml"), func(t *testing.T) { s.judgeFile(t, file) })
		}
	}
}

func (s situation) judgeFile(t *testing.T, file string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), plugin.Path(), "why", "-A", "-o", "json", "-f", file)
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	a := answer{Ran: plugin.Ran{Args: cmd.Args[2:], Stdout: string(out), Exit: cmd.ProcessState.ExitCode()}}
	if s.WithoutLog != nil {
		s.Expect = *s.WithoutLog
	}
	const unknown = 4
	if a.Exit == unknown || s.Undated != "" || s.WithoutLog != nil {
		a.judgeUnknown(t, &s)
		return
	}
	// Only a cluster says who took the field.
	s.Because, s.Culprit = "", ""
	a.judge(t, &s, s.Expect, s.Exit)
}

func (a answer) judgeUnknown(t *testing.T, s *situation) {
	t.Helper()
	diagnoses, err := a.diagnoses()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range diagnoses {
		if d.RootCause != "" && d.RootCause != s.Expect {
			s.wrong(t)("why %v: root cause %s, want %q or none", a.Args, d.RootCause, s.Expect)
		}
		t.Logf("not told: %s", d.Message)
	}
}
