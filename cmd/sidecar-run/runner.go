//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/handshake"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/process"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/reach"
)

// nativeGrace is how long the old one waits for the native one to claim the pod, when it was started first all the same.
// The longer one is for a restart after the kubelet's back-off.
var nativeGrace = handshake.Grace{First: 2 * time.Second, Known: time.Minute}

// A runner runs one command.
type runner struct {
	options
	signals <-chan os.Signal
	family  *process.Family
	// ready is of how many sidecars everything answered that was waited for.
	ready int
}

func (r *runner) run() int {
	r.family = process.NewFamily()
	switch r.universal {
	case "native":
		return r.asNative()
	case "old":
		return r.asOld()
	}
	return r.wrap()
}

func (r *runner) dir(path string) handshake.Dir {
	return handshake.Dir{Path: path, Identity: handshake.Identity()}
}

func (r *runner) asNative() int {
	step, err := r.dir(r.dirs[0]).AsNative()
	if err != nil {
		say("--dir %s: %v", r.dirs[0], err)
		return failed
	}
	switch step {
	case handshake.Run:
		return r.become()
	case handshake.Idle:
		return r.idle("the sidecar runs as a regular container of this pod")
	}
	return 0
}

func (r *runner) asOld() int {
	var side handshake.Side
	code, err := r.interruptible(func(ctx context.Context) (err error) {
		side, err = r.dir(r.dirs[0]).AsOld(ctx, nativeGrace)
		return err
	})
	switch {
	case code != 0:
		return code
	case err != nil:
		say("--dir %s: %v", r.dirs[0], err)
		return failed
	case side == handshake.Old:
		return r.wrapped()
	case r.policy == "Always":
		return r.idle("the sidecar runs as a native one")
	}
	return 0
}

// idle does nothing until it is told to terminate.
func (r *runner) idle(why string) int {
	say("%s: nothing to do here", why)
	for s := range r.signals {
		if process.Terminates(s) {
			break
		}
	}
	return 0
}

// become runs the command in place of this process, where there is nothing to do after it.
func (r *runner) become() int {
	select {
	case s := <-r.signals:
		if process.Terminates(s) {
			return signaled(s)
		}
	default:
	}
	return r.cannot(process.Become(r.command))
}

func (r *runner) cannot(err error) int {
	say("%s: %s", r.command[0], reach.Reason(err))
	return process.CannotStart(err)
}

func signaled(s os.Signal) int { return 128 + int(s.(syscall.Signal)) }

// wrap is what stands before the command of the main container.
func (r *runner) wrap() int {
	if r.nativeOK {
		return r.become()
	}
	if len(r.dirs) > 0 {
		native := false
		code, err := r.interruptible(func(ctx context.Context) (err error) {
			native, err = r.allNative(ctx)
			return err
		})
		switch {
		case code != 0:
			return r.end(code, true)
		case err != nil:
			say("%v", err)
			return r.end(timedOut, false)
		case native:
			return r.become()
		}
	}
	return r.wrapped()
}

// allNative reports whether every universal sidecar is native; it waits until that is decided.
func (r *runner) allNative(ctx context.Context) (bool, error) {
	if r.waitTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.waitTimeout)
		defer cancel()
	}
	native := true
	for _, path := range r.dirs {
		for dir := r.dir(path); ; {
			side, err := dir.Decided()
			if err != nil {
				return false, errors.New("--dir " + path + ": " + err.Error())
			}
			if side != handshake.None {
				native = native && side == handshake.Native
				break
			}
			select {
			case <-ctx.Done():
				return false, errors.New("--dir " + path + ": no sidecar has started after " + r.waitTimeout.String())
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return native, nil
}

// interruptible does something that may take long. It returns 128+n when a signal to terminate came meanwhile.
func (r *runner) interruptible(do func(ctx context.Context) error) (code int, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	for {
		select {
		case err := <-done:
			return 0, err
		case s := <-r.signals:
			if process.Terminates(s) {
				cancel()
				<-done
				return signaled(s), nil
			}
		}
	}
}

// end ends the sidecars, the last first, and returns the exit code, which nothing here changes.
func (r *runner) end(code int, terminated bool) int {
	if !terminated && (r.policy == "Always" || r.policy == "OnFailure" && code != 0) {
		return code // it is started again, and needs them
	}
	for n, s := range slices.Backward(r.sidecars) {
		for i, quit := range slices.Backward(s.quits) {
			// In a pod that terminates, the kubelet keeps a late one from starting.
			sight := reach.Sight{Unseen: n >= r.ready && !terminated}
			if i == 0 {
				sight.Servers = s.seen()
			}
			if err := quit.End(context.Background(), r.quitTimeout, sight, r.family.Run); err != nil {
				say("quit: %v", err)
			}
		}
	}
	return code
}

// seen are its waits of which it can be seen whether they are gone.
func (s sidecar) seen() []reach.Address {
	var list []reach.Address
	for _, a := range s.waits {
		if a.Local() {
			list = append(list, a)
		}
	}
	return list
}
