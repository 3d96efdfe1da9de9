package collect

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Whatever is sent to a webhook outside the cluster is a review with dryRun: true, or is not sent.
func TestReviewGuard(t *testing.T) {
	var received []string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received = append(received, r.Method+" "+string(body))
		io.WriteString(w, `{}`)
	}))
	t.Cleanup(server.Close)
	authorities := x509.NewCertPool()
	authorities.AddCert(server.Certificate())

	for name, c := range map[string]struct {
		method, body string
		refused      string // "" is let through
	}{
		"a dry run":              {"POST", dryReview, ""},
		"not a dry run":          {"POST", wetReview, "the admission review is not a dry run"},
		"no dryRun at all":       {"POST", `{"kind":"AdmissionReview","request":{"uid":"1"}}`, "the admission review is not a dry run"},
		"a pod":                  {"POST", `{"kind":"Pod"}`, "the body is not an admission review"},
		"something else":         {"POST", `hello`, "the body is not an admission review"},
		"nothing":                {"POST", ``, "the body is not an admission review"},
		"a GET":                  {"GET", ``, "only reviews are posted to a webhook"},
		"a PUT of a review":      {"PUT", dryReview, "only reviews are posted to a webhook"},
		"a method of the server": {"CONNECT", ``, "only reviews are posted to a webhook"},
	} {
		t.Run(name, func(t *testing.T) {
			received = nil
			ledger, broken := &Ledger{}, &breach{}
			client := reviewClient(&tls.Config{RootCAs: authorities}, userAgent("test"), ledger, broken)
			req, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+"/mutate", bytes.NewReader([]byte(c.body)))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			if n := len(ledger.Requests()); n != 1 {
				t.Errorf("%d requests in the ledger, want 1", n)
			}
			if c.refused == "" {
				if err != nil || broken.get() != nil || len(received) != 1 || received[0] != c.method+" "+c.body {
					t.Errorf("error %v, refusal %v, received %q", err, broken.get(), received)
				}
				return
			}
			if !errors.Is(err, errRefused) || !bytes.Contains([]byte(err.Error()), []byte(c.refused)) {
				t.Errorf("got %v, want %q", err, c.refused)
			}
			if !errors.Is(broken.get(), errRefused) {
				t.Errorf("the refusal was not kept: %v", broken.get())
			}
			if len(received) > 0 {
				t.Errorf("sent all the same: %q", received)
			}
		})
	}
}

// The webhook of an author is asked below the same guard.
func TestAtURLGuarded(t *testing.T) {
	received := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		received++
		io.WriteString(w, `{}`)
	}))
	t.Cleanup(server.Close)
	ask, ledger, err := AtURL(server.URL, pemOf(server), false, 5*time.Second, "test")
	if err != nil {
		t.Fatal(err)
	}
	send := func(body string) error {
		_, err := ask(context.Background(), []byte(body))
		return err
	}
	if err := send(dryReview); err != nil || received != 1 {
		t.Fatalf("error %v, %d received", err, received)
	}
	for _, body := range []string{wetReview, `{"kind":"Pod"}`, ``} {
		if err := send(body); err == nil {
			t.Errorf("%q was let through", body)
		}
	}
	if received != 1 || len(ledger.Requests()) != 4 {
		t.Errorf("%d received, %d in the ledger", received, len(ledger.Requests()))
	}
}

// A webhook is told who asks; the ledger says whom, but not with which key.
func TestAtURLLedger(t *testing.T) {
	var agent string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent = r.UserAgent()
		io.WriteString(w, `{}`)
	}))
	t.Cleanup(server.Close)
	ask, ledger, err := AtURL(server.URL+"/hook/hunter2?key=hunter2", pemOf(server), false, 5*time.Second, "v1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t.Context(), []byte(dryReview)); err != nil {
		t.Fatal(err)
	}
	_, err = ask(t.Context(), []byte(wetReview))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("not a dry run: %v", err)
	}
	if !strings.HasPrefix(agent, "kubectl-sidecar/v1 (") {
		t.Errorf("User-Agent %q", agent)
	}
	for _, r := range ledger.Requests() {
		if r.Server != server.URL || strings.Contains(r.URL+r.Err, "hunter2") {
			t.Errorf("in the ledger: %+v", r)
		}
	}
}
