package collect

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
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

// kubeletClient asks kubelets at their own addresses, with the caller's credentials, which nobody gets whose
// certificate has not been verified, unless the user does not want that. All that it sends passes a kubeletGuard.
func (c *collector) kubeletClient() (*http.Client, error) {
	cfg := rest.CopyConfig(c.opts.Config)
	if cfg.Impersonate.UserName != "" || cfg.Impersonate.UID != "" || len(cfg.Impersonate.Groups) > 0 {
		return nil, errImpersonation
	}
	cfg.UserAgent, cfg.Username, cfg.Password = c.config.UserAgent, "", "" // a kubelet knows no passwords
	wrap := func(rt http.RoundTripper) http.RoundTripper {
		return &kubeletGuard{next: rt, addresses: &c.addresses, ledger: c.ledger, broken: c.broken}
	}
	cfg.WrapTransport = transport.Wrappers(wrap, c.opts.Config.WrapTransport)
	tc, err := cfg.TransportConfig()
	if err != nil {
		return nil, err
	}
	// How the API server is verified says nothing about kubelets.
	tc.TLS.CAFile, tc.TLS.CAData, tc.TLS.ServerName, tc.TLS.Insecure = "", nil, "", c.opts.InsecureKubelets
	if !tc.TLS.Insecure {
		if tc.TLS.CAData, err = c.kubeletAuthorities(); err != nil {
			return nil, err
		}
	}
	tc.TLS.NextProtos = []string{"http/1.1"}
	tlsConfig, err := transport.TLSConfigFor(tc)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Control: controlled(true)} // a node's status may name any address
	base := &http.Transport{
		TLSClientConfig: tlsConfig, DialContext: dialer.DialContext, DisableKeepAlives: true, DisableCompression: true, TLSHandshakeTimeout: 10 * time.Second,
	}
	rt, err := transport.HTTPWrappersForConfig(tc, base)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: c.endable(rt), CheckRedirect: noRedirect}, nil
}
