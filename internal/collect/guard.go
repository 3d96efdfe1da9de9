package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// errRefused is in every error of the guard.
var errRefused = errors.New("refused by the read-only guard")

// guard is the one way to the cluster. It lets through what cannot change anything there and
// refuses the rest. A refusal means that this program has a bug; it is kept and fails the run.
type guard struct {
	next   http.RoundTripper
	ledger *Ledger
	host   string // of the API server
	prefix string // of its path, "" or "/k8s/clusters/c-1"
	broken *breach
	pace   *pace
	// as is who the caller chose to be for the whole run; standIns are whom a canary may be sent as.
	as       string
	standIns *standIns
	// customs are the custom resources that may be created with dryRun=All.
	customs *customResources
}

// breach keeps the first refusal of all the guards of a run.
type breach struct {
	mu  sync.Mutex
	err error
}

func (b *breach) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = err
	}
}

func (b *breach) get() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// maxReview bounds the body of an admission review that the guard has to read. An API server
// takes objects of up to 3 MiB; a review holds one, and half as much again for JSON.
const maxReview = 6 << 20

var (
	// accessReview may be created: it asks the server what the caller may do.
	accessReview = regexp.MustCompile(`^/apis/authorization\.k8s\.io/[^/]+/selfsubject(access|rules)reviews$`)
	// dryRunnable may be created with dryRun=All.
	dryRunnable = regexp.MustCompile(`^/(api/v1/namespaces/[^/]+/(pods|podtemplates|replicationcontrollers)|` +
		`apis/apps/v1/namespaces/[^/]+/(deployments|replicasets|statefulsets|daemonsets)|apis/batch/v1/namespaces/[^/]+/(jobs|cronjobs))$`)
	// dryRunPods may be created as somebody else.
	dryRunPods = regexp.MustCompile(`^/api/v1/namespaces/[^/]+/pods$`)
	// serviceProxy reaches a webhook.
	serviceProxy = regexp.MustCompile(`^/api/v1/namespaces/[^/]+/services/[^/]+/proxy(/|$)`)
	// nodeProxy is all of a kubelet that is ever asked: the rest of its paths can run commands.
	nodeProxy = regexp.MustCompile(`^/api/v1/nodes/[^/]+/proxy/(metrics|configz)$`)
	// anyProxy is every way through the API server to something else.
	anyProxy = regexp.MustCompile(`^/api/v1/(proxy(/|$)|(namespaces/[^/]+/(pods|services)|nodes)/[^/]+/proxy(/|$))`)
	// interactive subresources can run commands although they start with GET.
	interactive = regexp.MustCompile(`(?i)^/(api/v1|apis/[^/]+/[^/]+)/namespaces/[^/]+/[^/]+/[^/]+/(exec|attach|portforward)(/|$)`)
	// watchable is what may be watched: what `why --watch` waits for.
	watchable = regexp.MustCompile(`^/api/v1/namespaces/[^/]+/(pods|events)$`)
	// oldWatch is the watch of the first days, still served.
	oldWatch = regexp.MustCompile(`^/(api/v1|apis/[^/]+/[^/]+)/watch(/|$)`)
)

// checked is a request that a guard lets through, or why it does not, which is recorded as shown.
func checked(req *http.Request, check func(*http.Request) (*http.Request, error), broken *breach, ledger *Ledger, shown Request) (*http.Request, error) {
	start := time.Now()
	req, err := check(req)
	if err != nil {
		broken.set(err)
		ledger.record(shown, start, nil, err)
	}
	return req, err
}

// RoundTrip sends a request that is allowed and records it.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	req, err := checked(req, g.check, g.broken, g.ledger, asked(req))
	if err != nil {
		return nil, err
	}
	if err := g.pace.take(req.Context()); err != nil {
		return nil, err
	}
	start := time.Now()
	resp, err := g.next.RoundTrip(req)
	g.ledger.record(asked(req), start, resp, err)
	if err == nil {
		g.pace.heed(req, resp)
	}
	if err == nil && !strings.HasSuffix(req.URL.Path, "/metrics") {
		resp.Body = counted(req, &bounded{ReadCloser: resp.Body, left: maxBody})
	}
	return resp, err
}

// check returns the request to send, or why it must not be sent.
func (g *guard) check(req *http.Request) (*http.Request, error) {
	refuse := func(why string) error {
		return fmt.Errorf("%s %s: %w: %s", req.Method, req.URL.RequestURI(), errRefused, why)
	}
	if req.URL.Host != g.host {
		return req, refuse("not the API server's host")
	}
	path, ok := strings.CutPrefix(req.URL.EscapedPath(), g.prefix)
	if !ok || !plainPath(path) {
		return req, refuse("not a plain path of the API server")
	}
	query, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return req, refuse("the query cannot be read")
	}
	if why := g.refuseUser(req, path); why != "" {
		return req, refuse(why)
	}
	switch req.Method {
	case http.MethodGet:
		if why := refuseGet(req, path, query); why != "" {
			return req, refuse(why)
		}
		return req, nil
	case http.MethodPost:
		return g.checkPost(req, path, query, refuse)
	case http.MethodPatch:
		return g.checkPatch(req, path, query, refuse)
	}
	return req, refuse("only GET, and creates and updates without effect are allowed")
}

// refuseGet says why a GET must not be sent, or "".
func refuseGet(req *http.Request, path string, query url.Values) string {
	switch {
	case oldWatch.MatchString(path):
		return "no watches of this kind"
	case query.Has("watch"):
		return refuseWatch(path, query)
	case req.Header.Get("Upgrade") != "":
		return "no protocol upgrades"
	case interactive.MatchString(path):
		return "this path can run commands"
	case anyProxy.MatchString(path) && !nodeProxy.MatchString(path):
		return "of proxies, only a kubelet's metrics and configz are read"
	}
	return ""
}

// refuseWatch says why a watch must not be sent, or "": only pods and events of one namespace are watched, each time for
// a while that the server is told.
func refuseWatch(path string, query url.Values) string {
	if w := query["watch"]; len(w) != 1 || w[0] != "true" || !watchable.MatchString(path) {
		return "no watches but of pods and events of a namespace"
	}
	if s, err := strconv.Atoi(query.Get("timeoutSeconds")); err != nil || s <= 0 || s > int(longestWatch/time.Second) || len(query["timeoutSeconds"]) != 1 {
		return "a watch needs a timeout"
	}
	return ""
}

// checkPost allows the creates that leave nothing behind.
func (g *guard) checkPost(req *http.Request, path string, query url.Values, refuse func(string) error) (*http.Request, error) {
	switch {
	case accessReview.MatchString(path):
		return req, nil
	case dryRunnable.MatchString(path), g.customs.has(path):
		if d := query["dryRun"]; len(d) != 1 || d[0] != "All" {
			return req, refuse("a create needs dryRun=All")
		}
		return req, nil
	case serviceProxy.MatchString(path):
		return dryRunReview(req, refuse)
	}
	return req, refuse("only access reviews and dry-run creates of pods and of what has pod templates are posted")
}

// dryRunReview reads the body, which must be an admission review with dryRun true: a webhook
// that is told so has no side effects, by contract.
func dryRunReview(req *http.Request, refuse func(string) error) (*http.Request, error) {
	if req.Body == nil {
		return req, refuse("no admission review")
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxReview+1))
	req.Body.Close()
	if err != nil {
		return req, fmt.Errorf("read the admission review: %w", err)
	}
	if len(body) > maxReview {
		return req, refuse("the admission review is too large")
	}
	var review struct {
		Kind    string `json:"kind"`
		Request *struct {
			DryRun *bool `json:"dryRun"`
		} `json:"request"`
	}
	if err := json.Unmarshal(body, &review); err != nil || review.Kind != "AdmissionReview" || review.Request == nil {
		return req, refuse("the body is not an admission review")
	}
	if review.Request.DryRun == nil || !*review.Request.DryRun {
		return req, refuse("the admission review is not a dry run")
	}
	// A RoundTripper must not change the request that it was given.
	out := req.Clone(req.Context())
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.ContentLength = int64(len(body))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return out, nil
}

// plainPath reports whether the patterns above mean what the server will see: no dot segments,
// no empty ones, no escaped slashes.
func plainPath(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.Contains(strings.ToLower(path), "%2f") {
		return false
	}
	for _, segment := range strings.Split(path, "/") {
		if plain, err := url.PathUnescape(segment); err != nil || plain == "." || plain == ".." {
			return false
		}
	}
	return true
}
