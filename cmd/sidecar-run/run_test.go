//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is sidecar-run as TestMain has built it: as released.
var program string

func TestMain(m *testing.M) { os.Exit(withProgram(m)) }

func withProgram(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sidecar-run-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "sidecar-run")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=v0", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building sidecar-run: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// A launched is sidecar-run that was started.
type launched struct {
	*exec.Cmd
	stdout, stderr locked
	exited         chan struct{}
}

// locked is what was written so far.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// launch starts it, as process 1 of its own where that is allowed: that is what it is in a container.
func launch(t *testing.T, args ...string) *launched {
	t.Helper()
	p := &launched{Cmd: exec.Command(program, args...), exited: make(chan struct{})}
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if os.Getuid() == 0 {
		p.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	}
	p.WaitDelay = 10 * time.Second // what its command has started may keep the pipes
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.Wait(); close(p.exited) }()
	t.Cleanup(func() {
		p.Process.Kill()
		<-p.exited
		if t.Failed() {
			t.Logf("%q\nstdout: %s\nstderr: %s", args, &p.stdout, &p.stderr)
		}
	})
	return p
}

// exits waits for it and compares its exit code.
func (p *launched) exits(t *testing.T, want int) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(10 * time.Minute):
		t.Fatal("it does not exit")
	}
	if got := p.ProcessState.ExitCode(); got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
}

func (p *launched) send(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func (p *launched) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// prints waits until it has written something.
func (p *launched) prints(t *testing.T, text string) {
	t.Helper()
	until(t, fmt.Sprintf("it prints %q", text), func() bool {
		over := !p.running()
		printed := strings.Contains(p.stdout.String()+p.stderr.String(), text)
		if over && !printed {
			t.Fatalf("it has exited, and never printed %q", text)
		}
		return printed
	})
}

func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Minute); !reached(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// A fake is a sidecar: it is ready when it is told to be, and closes its port when it is told to quit.
type fake struct {
	name   string
	server *http.Server
	addr   string
	events *events

	mu     sync.Mutex
	ready  bool
	refuse int // so many quits are answered with 503
	deaf   bool
}

// events are what happened, in order.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) add(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, text)
}

func (e *events) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.list, " ")
}

func sidecarServer(t *testing.T, name string, e *events) *fake {
	t.Helper()
	f := &fake{name: name, events: e, ready: true}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = listener.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !f.ready {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		e.add(name + ":ready")
	})
	mux.HandleFunc("POST /quit", f.quit)
	f.server = &http.Server{Handler: mux}
	go f.server.Serve(listener)
	t.Cleanup(func() { f.server.Close() })
	return f
}

func (f *fake) quit(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse > 0 {
		f.refuse--
		f.events.add(f.name + ":refused")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	f.events.add(f.name + ":quit")
	if !f.deaf {
		time.AfterFunc(30*time.Millisecond, func() { f.server.Close() })
	}
}

func (f *fake) set(change func(f *fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fake) wait() string { return "--wait=http://" + f.addr + "/ready" }
func (f *fake) end() string  { return "--quit=POST=http://" + f.addr + "/quit" }

// closed reports whether nothing listens at its address.
func (f *fake) closed() bool {
	conn, err := net.Dial("tcp", f.addr)
	if err == nil {
		conn.Close()
	}
	return err != nil
}

// unused is an address at which nothing listens.
func unused(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
