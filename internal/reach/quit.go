//go:build linux

package reach

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// A Quit is how a sidecar is told to exit.
type Quit struct {
	Address
	method string
}

// ParseQuit reads [METHOD=]ADDRESS.
func ParseQuit(text string) (Quit, error) {
	q := Quit{method: "POST"}
	if method, rest, found := strings.Cut(text, "="); found && method != "" && strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		q.method, text = method, rest
	}
	var err error
	q.Address, err = Parse(text)
	if err == nil && (q.kind == "tcp" || q.kind == "unix") {
		err = fmt.Errorf("%s cannot be told to exit: want [METHOD=]http://, file:/ or exec:COMMAND", q.kind)
	}
	return q, err
}

// again is how long an answered quit has to show an effect before it is sent once more.
const again = 2 * time.Second

// A Sight is what is known of a sidecar that is to exit.
type Sight struct {
	// Servers are those of its servers that can be seen to be gone, beside the quit's own.
	Servers []Address
	// Unseen is set where it was not seen yet: that nothing listens does not mean that nothing will.
	Unseen bool
}

// End tells the sidecar to exit until it says yes, and then waits until it is gone.
func (q Quit) End(ctx context.Context, timeout time.Duration, sight Sight, run Runner) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("after %s", timeout))
	defer cancel()
	servers := sight.Servers
	if q.Server() {
		servers = append([]Address{q.Address}, servers...)
	}
	begin, heard := time.Now(), false
	var accepted time.Time
	var last error
	for {
		// A sidecar that has said yes may close its port before the next question.
		if due(accepted) {
			err := q.tell(ctx, run)
			switch {
			case err == nil:
				accepted = time.Now()
			case q.Server() && (heard || !sight.Unseen) && q.Gone(ctx):
				return q.absent(ctx, sight.Servers, heard, begin)
			case last == nil || ctx.Err() == nil: // one that was cut off says nothing
				last = err
			}
			heard = heard || !errors.Is(err, syscall.ECONNREFUSED)
		}
		if !accepted.IsZero() && allGone(ctx, servers) {
			return nil
		}
		if !pause(ctx, begin) {
			return q.unfinished(ctx, servers, !accepted.IsZero(), last)
		}
	}
}

// due reports whether the quit is to be sent, or sent again.
func due(accepted time.Time) bool { return accepted.IsZero() || time.Since(accepted) > again }

// absent is what it means that nothing listens at the quit's address: the sidecar is gone, unless it was never heard
// there and is still seen elsewhere.
func (q Quit) absent(ctx context.Context, gone []Address, heard bool, begin time.Time) error {
	for !allGone(ctx, gone) {
		if !pause(ctx, begin) {
			return q.unfinished(ctx, gone, heard, errors.New("nothing listens there"))
		}
		if !heard && time.Since(begin) > again {
			return fmt.Errorf("%s: nothing listens there, but %s still answers: is the quit endpoint switched on?", q, still(ctx, gone))
		}
	}
	return nil
}

func (q Quit) unfinished(ctx context.Context, servers []Address, told bool, last error) error {
	if !told {
		return fmt.Errorf("%s: not ended %w: %s", q, context.Cause(ctx), Reason(last))
	}
	return fmt.Errorf("%s: it was told to exit, but %s still answers %w", q, still(context.Background(), servers), context.Cause(ctx))
}

// tell sends the quit once.
func (q Quit) tell(ctx context.Context, run Runner) error {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	switch q.kind {
	case "http":
		code, err := send(ctx, q.method, q.url)
		if err == nil && (code < 200 || code > 299) {
			err = fmt.Errorf("it answers %d", code)
		}
		return err
	case "file":
		f, err := os.OpenFile(q.host, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		return f.Close()
	}
	return q.exec(ctx, run)
}

func allGone(ctx context.Context, list []Address) bool {
	for _, a := range list {
		if !a.Gone(ctx) {
			return false
		}
	}
	return true
}

// still is one of them that is not gone.
func still(ctx context.Context, list []Address) string {
	for _, a := range list {
		if !a.Gone(ctx) {
			return a.String()
		}
	}
	return "something"
}
