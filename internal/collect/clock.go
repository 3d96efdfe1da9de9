package collect

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// A serverClock learns how far the API server's clock is ahead of this machine's. Nearly all times in
// objects are of the API server's clock, so only with it can something be said to last.
type serverClock struct {
	mu sync.Mutex
	// The difference is between least and most, if anything is known of it.
	known       bool
	least, most time.Duration
}

// timed tells the clock of each answer.
type timed struct {
	next  http.RoundTripper
	clock *serverClock
}

func (t timed) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := time.Now()
	resp, err := t.next.RoundTrip(req)
	// A proxied answer has the date of what is behind.
	if err == nil && !strings.Contains(req.URL.Path, "/proxy/") {
		t.clock.see(resp.Header.Get("Date"), sent, time.Now())
	}
	return resp, err
}

// see takes the date of an answer, which leaves out the fraction of a second (RFC 9110, 5.6.7). It was
// written at some time between sent and received; the quicker the answer, the more it tells.
func (c *serverClock) see(date string, sent, received time.Time) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	least, most := at.Sub(received), at.Add(time.Second).Sub(sent)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known || most-least < c.most-c.least {
		c.known, c.least, c.most = true, least, most
	}
}

// tolerated is by how much clocks differ that are kept right.
const tolerated = 5 * time.Second

// ahead is how far the API server's clock is ahead, negative when it is behind; 0 while the two may
// just as well agree.
func (c *serverClock) ahead() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known || c.least <= tolerated && c.most >= -tolerated {
		return 0
	}
	return ((c.least + c.most) / 2).Round(time.Second)
}

// setTime takes the time of the snapshot from the API server's clock, and says so where the two
// differ by what a reader would notice.
func (c *collector) setTime() {
	ahead := c.clock.ahead()
	c.snapshot.TakenAt.Time = c.began.Add(ahead)
	if ahead.Abs() < time.Minute {
		return
	}
	where := "behind"
	if ahead < 0 {
		where = "ahead of"
	}
	c.snapshot.Limits = append(c.snapshot.Limits, fmt.Sprintf("this machine's clock is %s %s the API server's: every time and age is by the API server's",
		duration.HumanDuration(ahead.Abs()), where))
}
