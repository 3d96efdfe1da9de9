//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// side starts one of the two; the sidecar says so and runs until it is told to terminate.
func side(t *testing.T, dir, which string, options ...string) *launched {
	t.Helper()
	args := append([]string{"--universal=" + which, "--dir=" + dir}, options...)
	return launch(t, append(args, "--", "sh", "-c", "echo works; exec sleep 1000")...)
}

func TestUniversalNative(t *testing.T) {
	dir := t.TempDir()
	side(t, dir, "native").exits(t, 0)
	native := side(t, dir, "native")
	native.prints(t, "works")
	for _, policy := range []string{"OnFailure", "Never"} {
		old := side(t, dir, "old", "--restart-policy="+policy)
		old.exits(t, 0)
		if old.stdout.String() != "" {
			t.Errorf("%s: both run the sidecar", policy)
		}
	}
	old := side(t, dir, "old", "--restart-policy=Always")
	old.prints(t, "nothing to do here")
	idle(t, old)
	old.send(t, syscall.SIGTERM)
	old.exits(t, 0)

	// The main container: neither waits nor quits.
	p := launch(t, "--dir="+dir, "--wait=tcp://"+unused(t), "--quit=file:"+dir+"/ended", "--", "sh", "-c", "exit 3")
	p.exits(t, 3)
	if _, err := os.Stat(dir + "/ended"); err == nil {
		t.Error("it ends a native sidecar")
	}
	native.send(t, syscall.SIGKILL)
	native.exits(t, -1)
	again := side(t, dir, "native") // as the kubelet restarts it
	again.prints(t, "works")
}

// idle: it costs no time of the processor, to a hundredth of a second.
func idle(t *testing.T, p *launched) {
	t.Helper()
	before := cpu(t, p.Process.Pid)
	time.Sleep(500 * time.Millisecond)
	if after := cpu(t, p.Process.Pid); after != before {
		t.Errorf("it takes %s ticks, then %s", before, after)
	}
}

func cpu(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	return fields[11] + "+" + fields[12]
}

func TestUniversalOld(t *testing.T) {
	dir := t.TempDir()
	ended := "file:" + filepath.Join(dir, "ended")
	side(t, dir, "native").exits(t, 0)
	old := side(t, dir, "old", "--restart-policy=Never", "--main-ended="+ended)
	old.prints(t, "works")
	old.send(t, syscall.SIGTERM)
	old.exits(t, 143)
	side(t, dir, "old", "--restart-policy=Never").prints(t, "works") // restarted
	side(t, dir, "native").exits(t, 0)                               // what an init container is: done
}

// TestUniversalMain: in the old way it waits and quits as usual.
func TestUniversalMain(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "ended")
	f := sidecarServer(t, "s", &events{})
	main := launch(t, "--dir="+dir, f.wait(), f.end(), "--quit=file:"+file, "--", "sh", "-c", "exit 3") // before anything is decided
	side(t, dir, "native").exits(t, 0)
	old := side(t, dir, "old", "--restart-policy=Never", "--main-ended=file:"+file)
	main.exits(t, 3)
	old.exits(t, 0)
	if !f.closed() {
		t.Error("the sidecar runs on")
	}
}

func TestUniversalUndecided(t *testing.T) {
	p := launch(t, "--dir="+t.TempDir(), "--wait-timeout=100ms", "--", "echo", "ran")
	p.exits(t, 124)
	p.prints(t, "no sidecar has started after 100ms")
	q := launch(t, "--dir="+t.TempDir(), "--", "echo", "ran")
	time.Sleep(100 * time.Millisecond)
	q.send(t, syscall.SIGTERM)
	q.exits(t, 143)
	old := side(t, t.TempDir(), "old", "--restart-policy=Never")
	old.exits(t, failed)
	old.prints(t, "do both mount the same volume?")
}

// killedAt runs the program and kills it when it is about to make a system call; it reports whether it made it.
func killedAt(dir, call string, args ...string) bool {
	cmd := exec.Command("strace", append([]string{"-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e", "inject=" + call + ":signal=SIGKILL",
		program, "--dir=" + dir}, args...)...)
	cmd.Run()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// TestKilledAtEverySystemCall: SIGKILL before each of the system calls that change what the others can see, and the
// protocol comes to the same end: without native sidecars the old one runs it, with them the native one does.
func TestKilledAtEverySystemCall(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil || os.Getuid() != 0 {
		missing(t, "strace and root")
	}
	for call, want := range map[string][3]bool{ // who makes it: native's first start, the old one, native's second start
		"write": {true, true, true}, "fchmod": {true, true, true}, "fsync": {true, true, true},
		"/^rename": {true, false, false}, "/^link": {false, true, true}, "/^unlink": {false, true, true},
	} {
		t.Run(strings.TrimLeft(call, "/^"), func(t *testing.T) {
			t.Parallel() // most of it is the grace of the old one
			if got := killedAtCall(t, call); got != want {
				t.Errorf("killed: %v, want %v", got, want)
			}
		})
	}
}

// killedAtCall kills three starts at a call. It returns which of them make it.
func killedAtCall(t *testing.T, call string) (killed [3]bool) {
	run := func(dir string, args ...string) string {
		out, err := exec.Command(program, append([]string{"--dir=" + dir}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return string(out)
	}
	// The sidecar makes one such call, when all is decided.
	native := []string{"--universal=native", "--", program, "--version"}
	old := []string{"--universal=old", "--restart-policy=Never", "--", program, "--version"}
	const works = "sidecar-run v0\n"

	without := t.TempDir()
	if killed[0] = killedAt(without, call, native...); killed[0] {
		if out := run(without, native...); out != "" {
			t.Fatalf("killed, then started again as an init container: %q", out)
		}
	}
	killed[1] = killedAt(without, call, old...)
	if out := run(without, old...); out != works {
		t.Fatalf("the old one: %q", out)
	}

	with := t.TempDir()
	if out := run(with, native...); out != "" {
		t.Fatalf("the first start: %q", out)
	}
	killed[2] = killedAt(with, call, native...)
	if out := run(with, native...); out != works {
		t.Fatalf("killed, then restarted as a native sidecar: %q", out)
	}
	if out := run(with, old...); out != "" {
		t.Fatalf("both run the sidecar: %q", out)
	}
	return killed
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("needs %s", what)
	}
	t.Skipf("needs %s", what)
}

// TestUsers: the three containers run as different users, with a folder in the volume that the first of them makes.
func TestUsers(t *testing.T) {
	if os.Getuid() != 0 {
		missing(t, "root: other users")
	}
	volume, err := os.MkdirTemp("", "sidecar-run-volume-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(volume) })
	if err := os.Chmod(volume, 0o777); err != nil { // as an emptyDir is
		t.Fatal(err)
	}
	as := func(uid uint32, args ...string) string {
		file, err := os.Open(program) // in a folder that only root may look into
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		opened := "/proc/self/fd/3"
		cmd := exec.Command(opened, args...)
		cmd.ExtraFiles = []*os.File{file}
		cmd.Dir = "/"
		cmd.Env = []string{"PATH=/usr/bin:/bin"} // ours may be a folder that only root may look into
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("user %d, %v: %v: %s", uid, args, err, out)
		}
		return string(out)
	}
	dir, ended := "--dir="+volume+"/handshake", "file:"+volume+"/ended"
	as(1001, "--install", volume)
	as(1002, "--universal=native", dir, "--", "echo", "works")
	if out := as(1003, "--universal=old", "--restart-policy=Never", dir, "--", "echo", "works"); out != "works\n" {
		t.Errorf("the old one: %q", out)
	}
	as(1004, dir, "--quit="+ended, "--", "true")
	if out := as(1003, "--universal=old", "--restart-policy=Never", dir, "--main-ended="+ended, "--", "echo", "works"); out != "" {
		t.Errorf("the main container has ended: %q", out)
	}
}
