//go:build linux

// Package process starts commands as the first process of a container has to: every process whose parent has exited
// becomes its child and is reaped, and nothing waits for a child in two places.
package process

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
)

// A Family is all children of this process. There is one in a program.
type Family struct {
	mu      sync.Mutex
	waiting map[int]chan syscall.WaitStatus
}

const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER

// NewFamily begins to reap.
func NewFamily() *Family {
	// Where it is not process 1, those whose parents have exited become its children by request. Without, they are
	// somebody else's to reap.
	syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0)
	f := &Family{waiting: map[int]chan syscall.WaitStatus{}}
	exits := make(chan os.Signal, 1)
	signal.Notify(exits, syscall.SIGCHLD)
	go func() {
		for range exits {
			f.reap()
		}
	}()
	return f
}

// reap collects everything that has exited: one SIGCHLD stands for many.
func (f *Family) reap() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if done, ours := f.waiting[pid]; ours {
			delete(f.waiting, pid)
			done <- status
		}
	}
}

// A Child is a command that runs.
type Child struct {
	pid    int
	family *Family
	// Done gets the one exit code, by the shell's rule: 128+n when signal n ended it.
	Done <-chan int
}

// Start starts a command with these files as its input, output and errors.
func (f *Family) Start(argv []string, files [3]*os.File) (*Child, error) {
	name, err := Look(argv[0])
	if err != nil {
		return nil, err
	}
	f.mu.Lock() // it is in the list before it can be reaped
	defer f.mu.Unlock()
	pid, err := syscall.ForkExec(name, argv, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{files[0].Fd(), files[1].Fd(), files[2].Fd()},
	})
	if err != nil {
		return nil, err
	}
	done, status := make(chan int, 1), make(chan syscall.WaitStatus, 1)
	f.waiting[pid] = status
	go func() { done <- code(<-status) }()
	return &Child{pid: pid, family: f, Done: done}, nil
}

func code(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// Signal sends it a signal, unless it was reaped: its number may by then be another's.
func (c *Child) Signal(s syscall.Signal) {
	c.family.mu.Lock()
	defer c.family.mu.Unlock()
	if _, there := c.family.waiting[c.pid]; there {
		syscall.Kill(c.pid, s)
	}
}

// Run runs a command without input and output, and kills it when ctx is done.
func (f *Family) Run(ctx context.Context, argv []string) (int, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	child, err := f.Start(argv, [3]*os.File{null, null, null})
	if err != nil {
		return 0, err
	}
	select {
	case code := <-child.Done:
		return code, nil
	case <-ctx.Done():
		child.Signal(syscall.SIGKILL)
		<-child.Done
		return 0, ctx.Err()
	}
}

// Look finds a command as a shell does.
func Look(name string) (string, error) {
	found, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrDot) { // asked for by PATH
		err = nil
	}
	return found, err
}

// CannotStart is the exit code for a command that could not be started: 127 when there is none, else 126.
func CannotStart(err error) int {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return 127
	}
	return 126
}

// Become replaces this process with a command; it returns only if that fails.
func Become(argv []string) error {
	name, err := Look(argv[0])
	if err != nil {
		return err
	}
	return syscall.Exec(name, argv, os.Environ())
}
