package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// newCollector prepares the clients. It sends nothing.
func newCollector(o Options) (*collector, error) {
	o = o.withDefaults()
	if o.Config == nil {
		return nil, errors.New("no client configuration")
	}
	c := &collector{opts: o, ledger: &Ledger{}, access: newAccess(), broken: &breach{}, pace: newPace(o.QPS), clock: &serverClock{}, standIns: &standIns{},
		crdsRead: make(chan struct{}), customs: &customResources{}}
	if err := c.configure(); err != nil {
		return nil, fmt.Errorf("client configuration: %w", err)
	}
	httpClient, err := rest.HTTPClientFor(c.config)
	if err != nil {
		return nil, fmt.Errorf("client configuration: %w", err)
	}
	httpClient.CheckRedirect = noRedirect
	httpClient.Transport = c.endable(httpClient.Transport)
	client, err := kubernetes.NewForConfigAndClient(c.config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("client configuration: %w", err)
	}
	c.client, c.rest, c.http = client, client.CoreV1().RESTClient(), httpClient
	c.snapshot = newSnapshot(o, serverURL(c.base))
	c.began = c.snapshot.TakenAt.Time
	return c, nil
}

// userAgent is how every request says who sent it.
func userAgent(tool string) string {
	return fmt.Sprintf("kubectl-sidecar/%s (%s/%s)", tool, runtime.GOOS, runtime.GOARCH)
}

// configure copies the caller's configuration and puts the guard below everything in it.
func (c *collector) configure() error {
	cfg := rest.CopyConfig(c.opts.Config)
	base, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return err
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	cfg.UserAgent = userAgent(c.opts.Tool)
	// The guard keeps the pace, of what is not sent by client-go, too.
	cfg.QPS, cfg.Burst, cfg.RateLimiter = -1, 0, nil
	// Every request has a deadline of its own, in its context.
	cfg.Timeout = 0
	// Objects are sent as JSON, as users send them, and come back as protobuf, which is cheaper.
	cfg.ContentType = "application/json"
	cfg.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	// Whoever wants the warnings of an answer takes them from there; client-go would print them.
	cfg.WarningHandler, cfg.WarningHandlerWithContext = rest.NoWarnings{}, nil
	plain := cfg.DisableCompression // as the user wants it
	cfg.DisableCompression = true   // net/http leaves it to unzipping
	wrap := func(rt http.RoundTripper) http.RoundTripper {
		if !plain {
			rt = unzipping{rt}
		}
		return timed{&guard{
			next: rt, ledger: c.ledger, broken: c.broken, pace: c.pace, host: base.Host, prefix: base.EscapedPath(),
			as: cfg.Impersonate.UserName, standIns: c.standIns, customs: c.customs,
		}, c.clock}
	}
	// The first wrapper is the innermost: whatever others do to a request, the guard sees it.
	cfg.WrapTransport = transport.Wrappers(wrap, c.opts.Config.WrapTransport)
	c.config, c.base = cfg, base
	return nil
}

// freshClient returns a client that opens a new connection for every request, so a load balancer chooses
// again each time. HTTP/2 would share one.
func (c *collector) freshClient() (*http.Client, error) { return c.http1Client(0) }

// http1Client returns a client that speaks HTTP/1.1 over at most so many connections, which it keeps open;
// 0 is a new one for every request.
func (c *collector) http1Client(keep int) (*http.Client, error) {
	tc, err := c.config.TransportConfig()
	if err != nil {
		return nil, fmt.Errorf("client configuration: %w", err)
	}
	rt, err := http1Transport(tc, keep)
	if err != nil {
		return nil, fmt.Errorf("client configuration: %w", err)
	}
	return &http.Client{Transport: c.endable(rt), CheckRedirect: noRedirect}, nil
}

// endable makes requests end with their context, where a credential plugin may keep them from it.
func (c *collector) endable(rt http.RoundTripper) http.RoundTripper {
	if c.config.ExecProvider == nil && c.config.AuthProvider == nil {
		return rt
	}
	return impatient{rt}
}

// An answerError is an answer that is not a success.
type answerError struct {
	Code    int
	Message string
	// Status means that the API server itself said so; else it passed on what something else said.
	Status bool
	// RetryAfter is how long to wait before another try may help.
	RetryAfter time.Duration
}

func (e *answerError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("HTTP status %d", e.Code)
	}
	return e.Message
}

// answered returns the error as an answer, if it is one.
func answered(err error) (*answerError, bool) {
	var a *answerError
	if errors.As(err, &a) {
		return a, true
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		s := status.Status()
		return &answerError{Code: int(s.Code), Message: s.Message, Status: true}, true
	}
	return nil, false
}

// maxDocument bounds what readJSON reads: a page of a list.
const maxDocument = 64 << 20

// readJSON gets a path, which may have a query, and decodes the answer.
func (c *collector) readJSON(ctx context.Context, path string, into any) error {
	resp, err := c.fetch(ctx, c.http, path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(into); err != nil {
		return fmt.Errorf("read the answer to %s: %w", path, err)
	}
	return nil
}

// fetch gets a path of the API server, which may have a query, again when that is busy. The caller
// closes the answer's body.
func (c *collector) fetch(ctx context.Context, client *http.Client, path string) (resp *http.Response, err error) {
	err = patiently(ctx, func() error {
		resp, err = c.fetchOnce(ctx, client, path, nil)
		return err
	})
	return resp, err
}

// fetchOnce sends more headers than the usual ones.
func (c *collector) fetchOnce(ctx context.Context, client *http.Client, path string, more http.Header) (*http.Response, error) {
	u := *c.base
	path, u.RawQuery, _ = strings.Cut(path, "?")
	u.Path += path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	// JSON for the API server's own errors, anything for what stands behind it.
	req.Header.Set("Accept", "application/json, */*")
	maps.Copy(req.Header, more)
	return ok200(client, req)
}

// ok200 sends a request; any answer but 200 OK is an error.
func ok200(client *http.Client, req *http.Request) (*http.Response, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, readError(resp)
	}
	return resp, nil
}

// retryAfter is how long a busy server asks to wait: seconds, or a date.
func retryAfter(h http.Header) time.Duration {
	after := h.Get("Retry-After")
	if s, err := strconv.Atoi(after); err == nil && s >= 0 {
		return time.Duration(s) * time.Second
	}
	if t, err := http.ParseTime(after); err == nil {
		return max(0, time.Until(t))
	}
	return time.Second
}

// readError turns an answer into an error and closes it.
func readError(resp *http.Response) error {
	defer resp.Body.Close()
	answer := &answerError{Code: resp.StatusCode, RetryAfter: retryAfter(resp.Header)}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	if err != nil {
		answer.Message = fmt.Sprintf("HTTP status %d", resp.StatusCode)
		return answer
	}
	var status metav1.Status
	if json.Unmarshal(body, &status) == nil && status.Kind == "Status" {
		answer.Message, answer.Status = status.Message, true
		return answer
	}
	text := oneLine(string(body))
	if strings.HasPrefix(text, "<") {
		text = "a web page"
	}
	answer.Message = strings.TrimSpace(fmt.Sprintf("HTTP status %d: %s", resp.StatusCode, text))
	return answer
}

// serverURL is the server for people.
func serverURL(u *url.URL) string { return facts.RedactURL(u.String()) }
