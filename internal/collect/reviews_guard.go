package collect

import (
	"fmt"
	"net/http"
	"time"
)

// reviewGuard is the one way to a webhook that is not behind the API server. It lets through admission reviews
// with dryRun: true and refuses the rest, as guard does on the way through the API server.
type reviewGuard struct {
	next   http.RoundTripper
	agent  string // the User-Agent
	ledger *Ledger
	broken *breach
}

// RoundTrip sends a review and records it.
func (g *reviewGuard) RoundTrip(req *http.Request) (*http.Response, error) {
	req, err := checked(req, g.check, g.broken, g.ledger, askedElsewhere(req))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", g.agent) // of the clone that check returns
	start := time.Now()
	resp, err := g.next.RoundTrip(req)
	g.ledger.record(askedElsewhere(req), start, resp, err)
	return resp, err
}

// check returns the review to send, or why it must not be sent.
func (g *reviewGuard) check(req *http.Request) (*http.Request, error) {
	refuse := func(why string) error {
		return fmt.Errorf("%s %s: %w: %s", req.Method, serverOf(req), errRefused, why)
	}
	if req.Method != http.MethodPost {
		return req, refuse("only reviews are posted to a webhook")
	}
	return dryRunReview(req, refuse)
}
