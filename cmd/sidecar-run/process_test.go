//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestOrphans: process 1 reaps those whose parents have exited, however many.
func TestOrphans(t *testing.T) {
	if os.Getuid() != 0 {
		missing(t, "root: a process 1 of its own")
	}
	// Each subshell leaves a child behind that exits later, and whose parent is then process 1.
	p := launch(t, "--quit=file:"+filepath.Join(t.TempDir(), "ended"), "--", "sh", "-c",
		`for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.1 & ); done; sleep 0.4; echo done; exec sleep 1000`)
	p.prints(t, "done")
	until(t, "its only child is the command", func() bool { return len(children(t, p.Process.Pid)) == 1 })
}

// children are the states of all children of a process.
func children(t *testing.T, pid int) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has exited
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if fields[1] == fmt.Sprint(pid) {
			states = append(states, fields[0])
		}
	}
	return states
}

// TestBrokenStderr: nobody reads what it says, and it ends the sidecars all the same.
func TestBrokenStderr(t *testing.T) {
	f := sidecarServer(t, "s", &events{})
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	cmd := exec.Command(program, "--quit-timeout=300ms", "--quit=http://"+unused(t)+"/x", f.end(), f.wait(), "--wait=http://"+f.addr+"/ready",
		"--quit=exec:false", "--", "/no/such/program")
	cmd.Stderr = write
	err = cmd.Run()
	write.Close()
	if cmd.ProcessState.ExitCode() != 127 || !f.closed() {
		t.Errorf("%v; the sidecar is ended: %t", err, f.closed())
	}
}

// TestFiles: stdin, stdout, environment and folder are the command's.
func TestFiles(t *testing.T) {
	cmd := exec.Command(program, "--quit=exec:true", "--", "sh", "-c", `read x; echo "$x $Y $PWD"; echo err >&2`)
	cmd.Stdin, cmd.Dir = strings.NewReader("in\n"), "/"
	cmd.Env = append(os.Environ(), "Y=y", "PWD=/")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil || stdout.String() != "in y /\n" || stderr.String() != "err\n" {
		t.Errorf("%v, %q, %q", err, &stdout, &stderr)
	}
}

// TestWithoutAnything: no shell, no PATH, no /proc, no /etc: an empty image.
func TestWithoutAnything(t *testing.T) {
	if os.Getuid() != 0 {
		missing(t, "root: a root folder of its own")
	}
	root := t.TempDir()
	if out, err := exec.Command(program, "--install", filepath.Join(root, "bin")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f := sidecarServer(t, "s", &events{})
	installed := "/bin/sidecar-run" // in that folder
	cmd := exec.Command(installed, f.wait(), f.end(), "--", installed, "--version")
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Cloneflags: syscall.CLONE_NEWPID}
	cmd.Env = []string{"http_proxy=http://192.0.2.1:1", "HTTP_PROXY=http://192.0.2.1:1"}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "sidecar-run v0\n" || !f.closed() {
		t.Errorf("%v: %s; the sidecar is ended: %t", err, out, f.closed())
	}
}

func TestInstall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	for range 2 { // a restarted init container does it again
		if out, err := exec.Command(program, "--install", dir).CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("%v: %s", err, out)
		}
	}
	want, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "sidecar-run"))
	info, _ := os.Stat(filepath.Join(dir, "sidecar-run"))
	if err != nil || !bytes.Equal(got, want) || info.Mode() != 0o755 {
		t.Errorf("%v, the same: %t, %v", err, bytes.Equal(got, want), info.Mode())
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("it left %v", entries)
	}
	if out, err := exec.Command(program, "--install", "/proc/none").CombinedOutput(); err == nil || !strings.HasPrefix(string(out), "sidecar-run: install: ") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestSmall: it is copied into pods at every start.
func TestSmall(t *testing.T) {
	info, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() >= 4_000_000 {
		t.Errorf("%d bytes", info.Size())
	}
	var fastest time.Duration
	for range 20 {
		begin := time.Now()
		if err := exec.Command(program, "--version").Run(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); fastest == 0 || took < fastest {
			fastest = took
		}
	}
	t.Logf("%d bytes, starts in %s", info.Size(), fastest)
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/kubectl-sidecar/kubectl-sidecar/"
	want := []string{module + "cmd/sidecar-run", module + "internal/handshake", module + "internal/process", module + "internal/reach"}
	got := strings.Fields(string(out))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("it is made of %q", got)
	}
}

// TestMainEnded: a sidecar without a quit endpoint exits when the main container's file is there, and with 0.
func TestMainEnded(t *testing.T) {
	for name, script := range map[string]string{
		"exits with 143": "echo up; exec sleep 1000",
		"exits with 1":   "trap 'exit 1' TERM; echo up; while :; do sleep 0.05; done",
		"exits with 0":   "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done",
		"must be killed": "trap '' TERM; echo up; while :; do sleep 0.05; done",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ended")
			sidecar := launch(t, "--quit-timeout=300ms", "--main-ended=file:"+file, "--", "sh", "-c", script)
			sidecar.prints(t, "up")
			main := launch(t, "--quit=file:"+file, "--", "sh", "-c", "exit 4")
			main.exits(t, 4)
			sidecar.exits(t, 0)
			again := launch(t, "--main-ended=file:"+file, "--wait=tcp://"+unused(t), "--", "echo", "ran")
			again.exits(t, 0)
			if again.stdout.String() != "" {
				t.Error("it runs the command after the main container has ended")
			}
		})
	}
}

// TestMainEndedElse: what is not the main's end is the command's own.
func TestMainEndedElse(t *testing.T) {
	file := "--main-ended=file:" + filepath.Join(t.TempDir(), "ended")
	launch(t, file, "--", "sh", "-c", "exit 8").exits(t, 8)
	launch(t, file, "--", "/no/such/program").exits(t, 127)
	p := launch(t, file, "--", "sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done")
	p.prints(t, "up")
	p.send(t, syscall.SIGTERM)
	p.exits(t, 9)
}

// TestStaleMarker: the file of an earlier run is removed before anything else.
func TestStaleMarker(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ended")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, "--quit=file:"+file, "--", "sh", "-c", "test ! -e "+file)
	p.exits(t, 0)
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
