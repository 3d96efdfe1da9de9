package collect

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/transport"
)

// The only connections that are not made by client-go are made in this file, each below a guard.
// architecture_test.go fails where another file makes one.

// noRedirect leaves redirects alone: credentials would go with them.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// http1Transport speaks HTTP/1.1 to the API server over at most so many connections, which it keeps open; 0 is
// a new one for every request. The guard is among the wrappers of the configuration.
func http1Transport(tc *transport.Config, keep int) (http.RoundTripper, error) {
	tc.TLS.NextProtos = []string{"http/1.1"}
	tlsConfig, err := transport.TLSConfigFor(tc)
	if err != nil {
		return nil, err
	}
	base := &http.Transport{
		TLSClientConfig: tlsConfig, Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, DisableCompression: tc.DisableCompression,
		DisableKeepAlives: keep == 0, MaxIdleConnsPerHost: keep, MaxConnsPerHost: keep, IdleConnTimeout: 10 * time.Second, // a run may be one of many
	}
	if tc.Proxy != nil {
		base.Proxy = tc.Proxy
	}
	if tc.DialHolder != nil {
		base.DialContext = tc.DialHolder.Dial
	}
	return transport.HTTPWrappersForConfig(tc, base)
}

// reviewClient calls a webhook that is not behind the API server, at a URL that the user gave; all that it sends
// passes a reviewGuard.
func reviewClient(config *tls.Config, agent string, ledger *Ledger, broken *breach) *http.Client {
	base := &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSHandshakeTimeout: 10 * time.Second}
	return &http.Client{Transport: &reviewGuard{next: base, agent: agent, ledger: ledger, broken: broken}, CheckRedirect: noRedirect}
}

// urlClient is reviewClient for a URL that the cluster gave: it connects only to addresses that are public, or,
// where the user named the host, private. There is no proxy, which would connect elsewhere for it, and of which
// the API server does not know.
func (c *collector) urlClient(config *tls.Config, named bool) *http.Client {
	dialer := &net.Dialer{Control: controlled(named)}
	base := &http.Transport{TLSClientConfig: config, DialContext: dialer.DialContext, DisableKeepAlives: true, TLSHandshakeTimeout: 10 * time.Second}
	return &http.Client{Transport: &reviewGuard{next: base, agent: c.config.UserAgent, ledger: c.ledger, broken: c.broken}, CheckRedirect: noRedirect}
}
