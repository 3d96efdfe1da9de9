//go:build linux

package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// How often to ask: quickly at first, when most sidecars become ready.
const (
	quick, slow = 20 * time.Millisecond, 200 * time.Millisecond
	quickFor    = 5 * time.Second
)

// Say tells people something, on a line of its own.
type Say func(format string, args ...any)

// Await waits until the address answers. It says so from time to time when that takes long.
func (a Address) Await(ctx context.Context, timeout time.Duration, run Runner, say Say) error {
	begin := time.Now()
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not ready after %s", timeout))
		defer cancel()
	}
	next := 5 * time.Second
	var last error
	for {
		err := a.Try(ctx, run)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil { // one that was cut off says nothing
			last = err
		}
		if ctx.Err() == nil && time.Since(begin) > next {
			say("still waiting for %s: %s", a, Reason(err))
			next *= 2
		}
		if !pause(ctx, begin) {
			return fmt.Errorf("%s: %w: %s", a, context.Cause(ctx), Reason(last))
		}
	}
}

// pause reports whether there is time left, after a while.
func pause(ctx context.Context, begin time.Time) bool {
	every := quick
	if time.Since(begin) > quickFor {
		every = slow
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(every):
		return true
	}
}

// Reason is an error in few words: the address stands beside it already.
func Reason(err error) string {
	var number syscall.Errno
	var path *os.PathError
	var timeout net.Error
	switch {
	case errors.As(err, &number):
		return number.Error()
	case errors.As(err, &path):
		return path.Err.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer"
	}
	return err.Error()
}

// Gone reports whether nothing is at the address any more. That no connection came about in time proves nothing.
func (a Address) Gone(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	err := a.connect(ctx)
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist)
}
