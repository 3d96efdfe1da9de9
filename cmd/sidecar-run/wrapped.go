//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/process"
)

// errEnded is that the main container has ended.
var errEnded = errors.New("the main container has ended")

// wrapped waits, runs the command, and ends the sidecars.
func (r *runner) wrapped() int {
	r.forget()
	code, err := r.interruptible(r.await)
	switch {
	case code != 0:
		return r.end(code, true)
	case errors.Is(err, errEnded):
		return 0
	case err != nil:
		say("wait: %v; the command was not run", err)
		return r.end(timedOut, false)
	}
	quits := func(s sidecar) bool { return len(s.quits) > 0 }
	if r.mainEnded == "" && !slices.ContainsFunc(r.sidecars, quits) {
		return r.become()
	}
	code, terminated := r.supervise()
	return r.end(code, terminated)
}

// forget removes the files that are to tell others that this has ended: an earlier run has left them.
func (r *runner) forget() {
	for _, s := range r.sidecars {
		for _, q := range s.quits {
			if file := q.File(); file != "" {
				if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
					say("quit: %v", err)
				}
			}
		}
	}
}

// await waits for everything in turn. It gives up when the main container has ended.
func (r *runner) await(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if r.mainEnded != "" {
		if ended(r.mainEnded) {
			return errEnded
		}
		go func() {
			if watch(ctx, r.mainEnded) {
				cancel(errEnded)
			}
		}()
	}
	for _, s := range r.sidecars {
		for _, a := range s.waits {
			if err := a.Await(ctx, r.waitTimeout, r.family.Run, say); err != nil {
				return err
			}
		}
		r.ready++
	}
	return nil
}

// supervise runs the command, passes signals on, and reports whether one of them was to terminate it.
func (r *runner) supervise() (code int, terminated bool) {
	child, err := r.family.Start(r.command, [3]*os.File{os.Stdin, os.Stdout, os.Stderr})
	if err != nil {
		return r.cannot(err), false
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	over := make(chan struct{})
	if r.mainEnded != "" {
		go func() {
			if watch(ctx, r.mainEnded) {
				close(over)
			}
		}()
	}
	var late <-chan time.Time
	stopped := false
	for {
		select {
		case code = <-child.Done:
			if stopped {
				code = 0 // whatever it makes of SIGTERM: it was asked to exit, and a pod must not fail of it
			}
			return code, terminated
		case s := <-r.signals:
			terminated = terminated || process.Terminates(s)
			child.Signal(s.(syscall.Signal))
		case <-over:
			over, stopped = nil, true
			child.Signal(syscall.SIGTERM)
			late = time.After(r.quitTimeout)
		case <-late:
			say("%s: still running %s after SIGTERM: it is killed", r.command[0], r.quitTimeout)
			child.Signal(syscall.SIGKILL)
		}
	}
}

func ended(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// watch reports whether the file came about, rather than ctx was done.
func watch(ctx context.Context, file string) bool {
	for !ended(file) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	return true
}
