package collect

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Request is one request that was sent.
type Request struct {
	Method string
	// Server is scheme and host where they are not the API server's: of a webhook, or a kubelet.
	Server string
	// URL is path and query. Those of a webhook at a URL may be secret, and are not kept.
	URL string
	// Status is 0 when there was no answer; Err then says why.
	Status int
	Err    string
	// Start is when it was sent, Duration how long until the answer's headers were there.
	Start    time.Time
	Duration time.Duration
	// Bytes is how much of the answer's body was read, after decompression.
	Bytes int64
}

// A Ledger lists every request of a run, also those that the guard refused. It is safe for
// concurrent use.
type Ledger struct {
	mu      sync.Mutex
	entries []*entry
}

type entry struct {
	Request
	bytes atomic.Int64
}

// Requests returns what was sent so far, in the order in which the requests ended.
func (l *Ledger) Requests() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Request, 0, len(l.entries))
	for _, e := range l.entries {
		r := e.Request
		r.Bytes = e.bytes.Load()
		out = append(out, r)
	}
	return out
}

// record adds a request and counts the body as it is read.
func (l *Ledger) record(asked Request, start time.Time, resp *http.Response, err error) {
	asked.Start, asked.Duration = start, time.Since(start)
	e := &entry{Request: asked}
	switch {
	case err != nil:
		e.Err = err.Error()
	default:
		e.Status = resp.StatusCode
		resp.Body = &countingBody{ReadCloser: resp.Body, n: &e.bytes}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

// asked is a request to the API server as the ledger has it.
func asked(req *http.Request) Request {
	return Request{Method: req.Method, URL: req.URL.RequestURI()}
}

// askedElsewhere is one to a webhook at a URL, whose path may be a key.
func askedElsewhere(req *http.Request) Request {
	return Request{Method: req.Method, Server: serverOf(req), URL: "/REDACTED"}
}

// serverOf is scheme and host of a request.
func serverOf(req *http.Request) string { return req.URL.Scheme + "://" + req.URL.Host }

type countingBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}
