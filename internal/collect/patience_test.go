package collect

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// What takes longer than its context is not waited for, and what it had in the end is dropped.
func TestUntilDone(t *testing.T) {
	failed := errors.New("failed")
	for _, want := range []struct {
		value string
		err   error
	}{{"value", nil}, {"", failed}} {
		value, err := UntilDone(t.Context(), func() (string, error) { return want.value, want.err }, func(string) { t.Error("dropped") })
		if value != want.value || err != want.err {
			t.Errorf("%q, %v; want %q, %v", value, err, want.value, want.err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	release, dropped := make(chan struct{}), make(chan string)
	value, err := UntilDone(ctx, func() (string, error) { <-release; return "late", nil }, func(s string) { dropped <- s })
	if value != "" || !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", value, err)
	}
	close(release)
	if got := <-dropped; got != "late" {
		t.Errorf("dropped %q", got)
	}
}

// closing says when it is closed.
type closing struct {
	io.Reader
	closed chan struct{}
}

func (c closing) Close() error { close(c.closed); return nil }

// The body of an answer that comes too late is closed, so that its connection is not lost.
func TestImpatient(t *testing.T) {
	body, release := closing{strings.NewReader("late"), make(chan struct{})}, make(chan struct{})
	slow := impatient{roundTripFunc(func(*http.Request) (*http.Response, error) {
		<-release
		return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
	})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://x/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := slow.RoundTrip(req); resp != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", resp, err)
	}
	close(release)
	<-body.closed
}

// A credential plugin that never answers costs the time of the run, and the hint names it.
func TestCredentialPluginHangs(t *testing.T) {
	f := newFakeAPI(t)
	o := f.options(facts.Nodes)
	o.Timeout = 200 * time.Millisecond
	o.Config = &rest.Config{Host: f.URL, ExecProvider: &clientcmdapi.ExecConfig{
		APIVersion: "client.authentication.k8s.io/v1", Command: "sleep", Args: []string{"2"},
		InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
	}}
	_, _, err := Run(t.Context(), o)
	var unreachable *UnreachableError
	if !errors.As(err, &unreachable) || !strings.Contains(unreachable.Hint, "credential plugin returns: sleep") {
		t.Errorf("%v", err)
	}
}

// Without the list of namespaces it is the canaries that are missing, for the reason why it is.
func TestCanariesWithoutNamespaces(t *testing.T) {
	f := newFakeAPI(t)
	f.handlers["GET /api/v1/namespaces"] = refusing(500, "InternalError", "etcdserver: request timed out")
	s := collectFrom(t, f.options(facts.Namespaces, facts.MutatingWebhooks, facts.Canaries))
	gaps := s.GapsOf(facts.Canaries, "")
	if len(gaps) != 1 || !strings.HasPrefix(gaps[0].Reason, "without the list of namespaces it is not known where canaries are needed: ") ||
		!strings.Contains(gaps[0].Reason, "etcdserver: request timed out") || !strings.Contains(gaps[0].Remedy, "--namespace NAME") {
		t.Errorf("gaps %+v", gaps)
	}
}

// The gate is looked for from outside unless a reading, or the version of the only API server, tells.
func TestNeedProbe(t *testing.T) {
	reading := func(enabled *bool, version string) facts.APIServer {
		return facts.APIServer{Version: version, Reading: &facts.FeatureReading{Enabled: enabled}}
	}
	for name, c := range map[string]struct {
		servers   []facts.APIServer
		version   string
		endpoints []string
		want      bool
	}{
		"a reading":                       {servers: []facts.APIServer{reading(&yes, "v1.30.1")}},
		"no reading, the version decides": {servers: []facts.APIServer{reading(nil, "v1.33.1")}},
		"no reading, an open version":     {servers: []facts.APIServer{reading(nil, "v1.30.1")}, want: true},
		"one of two has no reading":       {servers: []facts.APIServer{reading(&yes, "v1.30.1"), reading(nil, "v1.30.1")}, want: true},
		"alone, the version decides":      {version: "v1.33.1", endpoints: []string{"10.0.0.1:6443"}},
		"alone, an open version":          {version: "v1.30.1", endpoints: []string{"10.0.0.1:6443"}, want: true},
		"not alone":                       {version: "v1.33.1", endpoints: []string{"10.0.0.1:6443", "10.0.0.2:6443"}, want: true},
		"nobody knows how many":           {version: "v1.33.1", want: true},
		"no version":                      {endpoints: []string{"10.0.0.1:6443"}, want: true},
	} {
		run, err := newCollector(newFakeAPI(t).options(facts.APIServers))
		if err != nil {
			t.Fatal(err)
		}
		run.snapshot.APIServers, run.snapshot.APIServerEndpoints = c.servers, c.endpoints
		if c.version != "" {
			run.snapshot.ServerVersion = &version.Info{GitVersion: c.version}
		}
		if got := run.needProbe(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A run whose time is over before it began has a gap for each kind; the clock is no matter of time.
func TestNothing(t *testing.T) {
	run, err := newCollector(newFakeAPI(t).options())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	run.collect(ctx, []facts.Kind{facts.Clock, facts.Nodes, facts.CRDs})
	var kinds []facts.Kind
	for _, g := range run.snapshot.Gaps {
		kinds = append(kinds, g.Kind)
		if g.Reason == "" || g.Remedy == "" {
			t.Errorf("%+v", g)
		}
	}
	if want := []facts.Kind{facts.Nodes, facts.CRDs}; !slices.Equal(kinds, want) {
		t.Errorf("gaps of %v, want %v", kinds, want)
	}
}
