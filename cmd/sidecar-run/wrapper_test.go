//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The tests here are the wishes that the wrappers before this one leave open, or were reported for.

// TestOrder: several sidecars are waited for in order and ended in reverse order, each when the one before is gone.
func TestOrder(t *testing.T) {
	e := &events{}
	first, second := sidecarServer(t, "first", e), sidecarServer(t, "second", e)
	first.set(func(f *fake) { f.ready = false })
	p := launch(t, first.wait(), first.end(), second.wait(), second.end(), "--", "/bin/sh", "-c", "echo main; exit 3")
	time.Sleep(300 * time.Millisecond)
	if got := e.String() + p.stdout.String(); got != "" {
		t.Errorf("while the first is not ready: %q", got)
	}
	first.set(func(f *fake) { f.ready = true })
	p.exits(t, 3)
	if got, want := e.String(), "first:ready second:ready second:quit first:quit"; got != want || p.stdout.String() != "main\n" {
		t.Errorf("%q, want %q; stdout %q", got, want, &p.stdout)
	}
	if !first.closed() || !second.closed() || p.stderr.String() != "" {
		t.Errorf("ended: %t, %t; stderr %q", first.closed(), second.closed(), &p.stderr)
	}
}

// TestExitCodes: the exit code is the command's, by the shell's rules, and the sidecar is ended each time.
func TestExitCodes(t *testing.T) {
	notExecutable := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(notExecutable, []byte("data"), 0o644); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("data"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		command []string
		want    int
	}{
		"succeeds":            {[]string{"true"}, 0},
		"fails":               {[]string{"sh", "-c", "exit 42"}, 42},
		"255":                 {[]string{"sh", "-c", "exit 255"}, 255},
		"killed":              {[]string{"sh", "-c", "kill -KILL $$"}, 137},
		"segfault":            {[]string{"sh", "-c", "kill -SEGV $$"}, 139},
		"not-found":           {[]string{"/no/such/program"}, 127},
		"not-found-in-path":   {[]string{"no-such-program"}, 127},
		"not-executable":      {[]string{notExecutable}, 126},
		"not-a-program":       {[]string{broken}, 126},
		"a-folder":            {[]string{t.TempDir()}, 126},
		"empty":               {[]string{""}, 127},
		"options-of-its-own":  {[]string{"sh", "-c", `test "$1" = --quit`, "-", "--quit"}, 0},
		"a-separator-its-own": {[]string{"sh", "-c", `test "$1" = --`, "-", "--"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := sidecarServer(t, "s", &events{})
			p := launch(t, append([]string{f.wait(), f.end(), "--"}, c.command...)...)
			p.exits(t, c.want)
			if !f.closed() {
				t.Error("the sidecar runs on")
			}
		})
	}
}

// TestSignals: every signal is passed on, and no other.
func TestSignals(t *testing.T) {
	f := sidecarServer(t, "s", &events{})
	script := `for s in HUP INT QUIT USR1 USR2 ALRM WINCH CONT; do trap "echo got $s" $s; done; trap 'echo urgent' URG
		trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done`
	p := launch(t, f.wait(), f.end(), "--", "sh", "-c", script)
	p.prints(t, "up")
	for name, s := range map[string]syscall.Signal{
		"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
		"ALRM": syscall.SIGALRM, "WINCH": syscall.SIGWINCH, "CONT": syscall.SIGCONT,
	} {
		p.send(t, s)
		p.prints(t, "got "+name)
	}
	p.send(t, syscall.SIGURG)
	p.send(t, syscall.SIGCHLD)
	p.send(t, syscall.SIGTERM)
	p.exits(t, 9)
	if strings.Contains(p.stdout.String(), "urgent") || !f.closed() {
		t.Errorf("stdout %q, the sidecar is ended: %t", &p.stdout, f.closed())
	}
}

// TestSignalEnds: a signal that the command does not catch ends it.
func TestSignalEnds(t *testing.T) {
	for s, want := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130, syscall.SIGHUP: 129} {
		f := sidecarServer(t, "s", &events{})
		p := launch(t, f.wait(), f.end(), "--", "sh", "-c", "echo up; exec sleep 1000")
		p.prints(t, "up")
		p.send(t, s)
		p.exits(t, want)
		if !f.closed() {
			t.Errorf("%v: the sidecar runs on", s)
		}
	}
}

// TestSignalWhileWaiting: process 1 has no default for SIGTERM, so it must have its own.
func TestSignalWhileWaiting(t *testing.T) {
	for s, want := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130, syscall.SIGHUP: 129, syscall.SIGQUIT: 131} {
		e := &events{}
		ready, waited := sidecarServer(t, "ready", e), sidecarServer(t, "waited", e)
		waited.set(func(f *fake) { f.ready = false })
		p := launch(t, ready.wait(), ready.end(), waited.wait(), waited.end(), "--", "echo", "ran")
		until(t, "it waits", func() bool { return e.String() != "" })
		p.send(t, syscall.SIGUSR1) // says nothing about exiting
		p.send(t, s)
		p.exits(t, want)
		if got := e.String(); got != "ready:ready waited:quit ready:quit" || p.stdout.String() != "" {
			t.Errorf("%v: %q; stdout %q", s, got, &p.stdout)
		}
	}
}

// TestTimeout: a wait that takes too long is said, the command is not run, and all sidecars are ended.
func TestTimeout(t *testing.T) {
	e := &events{}
	a, b := sidecarServer(t, "a", e), sidecarServer(t, "b", e)
	a.set(func(f *fake) { f.ready = false })
	p := launch(t, "--wait-timeout=300ms", a.wait(), a.end(), b.wait(), b.end(), "--", "echo", "ran")
	p.exits(t, 124)
	if got := e.String(); got != "b:quit a:quit" || p.stdout.String() != "" {
		t.Errorf("%q; stdout %q", got, &p.stdout)
	}
	p.prints(t, "not ready after 300ms: it answers 503; the command was not run")
}

// TestLateSidecar: after a wait that took too long, a sidecar that starts late is still ended.
func TestLateSidecar(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "asked")
	addr := unused(t)
	p := launch(t, "--wait-timeout=100ms", "--quit-timeout=700ms", "--wait=tcp://"+addr, "--quit=http://"+addr+"/quit",
		"--wait=file:"+marker, "--quit=exec:touch "+marker, "--", "echo", "ran")
	begin := time.Now()
	p.exits(t, 124)
	if took := time.Since(begin); took < 700*time.Millisecond {
		t.Errorf("it gave up on a sidecar that may yet start after %s", took)
	}
	p.prints(t, "not ended after 700ms: connection refused")
}

// TestQuitAgain: the quit is repeated until it is accepted.
func TestQuitAgain(t *testing.T) {
	e := &events{}
	f := sidecarServer(t, "s", e)
	f.set(func(f *fake) { f.refuse = 3 })
	p := launch(t, f.wait(), f.end(), "--", "sh", "-c", "exit 5")
	p.exits(t, 5)
	if got := e.String(); got != "s:ready s:refused s:refused s:refused s:quit" || !f.closed() || p.stderr.String() != "" {
		t.Errorf("%q, ended %t, stderr %q", got, f.closed(), &p.stderr)
	}
}

// TestQuitInVain: what does not exit is said, in time, and the exit code stays.
func TestQuitInVain(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(f *fake)
		says string
	}{
		"refuses": {func(f *fake) { f.refuse = 1 << 30 }, "not ended after 500ms: it answers 503"},
		"deaf":    {func(f *fake) { f.deaf = true }, "it was told to exit, but"},
	} {
		f := sidecarServer(t, "s", &events{})
		f.set(c.set)
		p := launch(t, "--quit-timeout=500ms", f.wait(), f.end(), "--", "sh", "-c", "exit 6")
		p.exits(t, 6)
		if !strings.Contains(p.stderr.String(), c.says) {
			t.Errorf("%s: stderr %q", name, &p.stderr)
		}
	}
}

// TestQuitEndpointOff: nothing listens at the quit's port, but the sidecar is there.
func TestQuitEndpointOff(t *testing.T) {
	f := sidecarServer(t, "s", &events{})
	p := launch(t, f.wait(), "--quit=http://"+unused(t)+"/quitquitquit", "--", "sh", "-c", "exit 7")
	p.exits(t, 7)
	p.prints(t, "is the quit endpoint switched on?")
}

// TestQuitAlone: a quit needs no wait; and a sidecar that has exited already is fine.
func TestQuitAlone(t *testing.T) {
	e := &events{}
	f := sidecarServer(t, "s", e)
	p := launch(t, f.end(), "--quit=http://"+unused(t)+"/quit", "--", "true")
	p.exits(t, 0)
	if e.String() != "s:quit" || p.stderr.String() != "" {
		t.Errorf("%q, stderr %q", e, &p.stderr)
	}
}

// TestRestartPolicy: a main that is started again in the same pod keeps its sidecars.
func TestRestartPolicy(t *testing.T) {
	for _, c := range []struct {
		policy string
		exit   int
		ended  bool
	}{
		{"OnFailure", 0, true}, {"OnFailure", 1, false}, {"Never", 1, true}, {"Always", 0, false}, {"Always", 1, false},
	} {
		f := sidecarServer(t, "s", &events{})
		p := launch(t, "--restart-policy", c.policy, f.wait(), f.end(), "--", "sh", "-c", fmt.Sprint("exit ", c.exit))
		p.exits(t, c.exit)
		if f.closed() != c.ended {
			t.Errorf("%+v: %t", c, f.closed())
		}
	}
	f := sidecarServer(t, "s", &events{})
	p := launch(t, "--restart-policy=OnFailure", f.wait(), f.end(), "--", "sh", "-c", "echo up; exec sleep 1000")
	p.prints(t, "up")
	p.send(t, syscall.SIGTERM)
	p.exits(t, 143)
	if !f.closed() {
		t.Error("the pod terminates, and the sidecar runs on")
	}
}

// TestNative: where the sidecar is native it becomes the command, and touches nothing.
func TestNative(t *testing.T) {
	e := &events{}
	f := sidecarServer(t, "s", e)
	p := launch(t, "--native-ok", f.wait(), f.end(), "--wait=tcp://"+unused(t), "--", "sh", "-c", `echo "I am $$"; exec sleep 1000`)
	p.prints(t, "I am ")
	if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.Process.Pid)); err != nil || filepath.Base(exe) == "sidecar-run" {
		t.Errorf("it is still %s, %v", exe, err)
	}
	p.send(t, syscall.SIGKILL)
	p.exits(t, -1)
	if f.closed() || e.String() != "" {
		t.Errorf("it asked: %q", e)
	}
}
