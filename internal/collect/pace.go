package collect

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/util/flowcontrol"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// A pace keeps requests apart: as far as the user wants it (Options.QPS), and as far as the API server
// asks for it with 429 and Retry-After, which concerns all that a run sends, not only what it refused.
type pace struct {
	limiter flowcontrol.RateLimiter // nil is no limit

	mu    sync.Mutex
	quiet time.Time // until then nothing is sent
}

func newPace(qps float32) *pace {
	p := &pace{}
	if qps > 0 {
		p.limiter = flowcontrol.NewTokenBucketRateLimiter(qps, 1) // no bursts: they are what a busy server notices
	}
	return p
}

// A turn is the right to send one request.
type turn struct{ taken atomic.Bool }

type turnKey struct{}

// request returns a context for one request. Its time begins when it is its turn: what is spent
// waiting for that is not the server's fault, and counts for the whole run only. Whatever the request
// sends besides, such as another try, waits in the guard.
func (c *collector) request(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if c.pace.wait(ctx) == nil {
		ctx = context.WithValue(ctx, turnKey{}, &turn{})
	}
	return context.WithTimeout(ctx, timeout)
}

// take uses the turn that a request's context has, or waits for one.
func (p *pace) take(ctx context.Context) error {
	if t, ok := ctx.Value(turnKey{}).(*turn); ok && !t.taken.Swap(true) {
		return nil
	}
	return p.wait(ctx)
}

// wait returns when a request may be sent, or the context's error when that is over before.
func (p *pace) wait(ctx context.Context) error {
	if p.limiter != nil && p.limiter.Wait(ctx) != nil {
		<-ctx.Done() // there is no turn left before the deadline
	}
	for ctx.Err() == nil {
		p.mu.Lock()
		left := time.Until(p.quiet)
		p.mu.Unlock()
		if left <= 0 {
			return nil
		}
		select {
		case <-time.After(left):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// proxied is what the API server only passes on. If something behind it is busy, nothing else is.
var proxied = pattern.New(`/(nodes|services)/[^/]+/proxy/`)

// heed keeps the run quiet for as long as a busy API server asks for.
func (p *pace) heed(req *http.Request, resp *http.Response) {
	if resp.StatusCode != http.StatusTooManyRequests || proxied.MatchString(req.URL.Path) {
		return
	}
	until := time.Now().Add(retryAfter(resp.Header))
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(p.quiet) {
		p.quiet = until
	}
}

// tries is how often a request is sent that is answered by 429, as client-go does for its own.
const tries = 3

// patiently does a request again when it was refused because something is busy, after the time that
// was asked for.
func patiently(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		a, ok := answered(err)
		if !ok || a.Code != http.StatusTooManyRequests || try == tries {
			return err
		}
		select {
		case <-time.After(a.RetryAfter):
		case <-ctx.Done():
			return err
		}
	}
}
