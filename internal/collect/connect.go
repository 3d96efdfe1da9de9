package collect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"k8s.io/apimachinery/pkg/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// An UnreachableError means that the cluster could not be asked anything.
type UnreachableError struct {
	// Server is the URL of the API server, without credentials.
	Server string
	// Problem is what is wrong, in a few words.
	Problem string
	// Hint is what to do about it.
	Hint string
	// Err is the error as it came.
	Err error
}

// Error is one line: the server and the problem, without the hint.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("cannot ask the API server at %s: %s", e.Server, e.Problem)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// contact asks for /version, which everybody may read, to learn whether there is an API server at
// all that knows the caller.
func (c *collector) contact(ctx context.Context) error {
	run := ctx
	// A credential plugin may have to log in first, in a browser even.
	if c.config.ExecProvider == nil && c.config.AuthProvider == nil {
		var cancel context.CancelFunc
		ctx, cancel = c.reading(ctx)
		defer cancel()
	}
	resp, err := c.fetch(ctx, c.http, "/version")
	if a, ok := answered(err); ok && a.Status && a.Code == http.StatusForbidden {
		c.gap(facts.APIServers, facts.APIServerInstance(facts.PartVersion), oneLine(a.Message),
			facts.Do("bind system:public-info-viewer to system:authenticated, as Kubernetes does by default"))
		return nil
	}
	if err != nil {
		if run.Err() != nil && errors.Is(context.Cause(run), context.Canceled) {
			return fmt.Errorf("interrupted before the API server answered: %w", err)
		}
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return c.unreachable(err)
	}
	var v version.Info
	if err := json.Unmarshal(body, &v); err != nil || v.GitVersion == "" {
		return c.unreachable(fmt.Errorf("%w: %q", errNotKubernetes, oneLine(string(body))))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot.ServerVersion = &v
	return nil
}

// errNotKubernetes is an answer that no API server gives.
var errNotKubernetes = errors.New("what answers is not a Kubernetes API server")

const (
	hintServer  = "check the server address and the current context: kubectl config view --minify"
	hintLogin   = "log in again; your token or client certificate may have expired"
	hintNetwork = "check the network, VPN and proxy settings on the way to it"
)

// unreachable puts an error of the first request into a few words.
func (c *collector) unreachable(err error) error {
	e := &UnreachableError{Server: serverURL(c.base), Err: err}
	a, isAnswer := answered(err)
	if isAnswer {
		e.Problem, e.Hint = unreachableAnswer(a)
	} else {
		e.Problem, e.Hint = unreachableConnection(err)
	}
	if proxy := c.proxy(); proxy != "" && !isAnswer {
		e.Problem, e.Hint = problemOfProxy(proxy, e.Problem, err), hintProxy
	}
	if plugin := c.config.ExecProvider; plugin != nil && errors.Is(err, context.DeadlineExceeded) {
		e.Hint = fmt.Sprintf("see whether your credential plugin returns: %s; else %s", plugin.Command, hintNetwork)
	}
	return e
}

// hintProxy is for what stands between.
const hintProxy = "check HTTPS_PROXY, NO_PROXY and proxy-url of the kubeconfig"

// proxy is the proxy on the way to the API server, without credentials; "" if there is none.
func (c *collector) proxy() string {
	choose := c.config.Proxy
	if choose == nil {
		choose = http.ProxyFromEnvironment
	}
	u, err := choose(&http.Request{URL: c.base})
	if err != nil || u == nil {
		return ""
	}
	return facts.RedactURL(u.String())
}

// problemOfProxy says of a problem with a connection whose it is, where that is known.
func problemOfProxy(proxy, problem string, err error) string {
	var connection *net.OpError
	if errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &connection) && connection.Op == "proxyconnect" {
		return fmt.Sprintf("the proxy on the way, %s, cannot be reached: %s", proxy, problem)
	}
	return fmt.Sprintf("%s (by way of the proxy %s)", problem, proxy)
}

// unreachableAnswer is for what did answer.
func unreachableAnswer(a *answerError) (problem, hint string) {
	switch {
	case a.Code == http.StatusUnauthorized:
		return "it does not accept your credentials (401 Unauthorized)", hintLogin
	case a.Code >= 300 && a.Code < 400, !a.Status && a.Code < 500:
		return fmt.Sprintf("%v (%s)", errNotKubernetes, oneLine(a.Error())), hintServer
	}
	return fmt.Sprintf("it answers with an error: %s", oneLine(a.Error())), "see the API server's log; kubectl get --raw /readyz?verbose says which part is not ready"
}

// unreachableConnection is for when nothing did.
func unreachableConnection(err error) (problem, hint string) {
	var (
		dns         *net.DNSError
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		certificate x509.CertificateInvalidError
		record      tls.RecordHeaderError
		timeout     interface{ Timeout() bool }
	)
	cause := rootCause(err)
	switch {
	case errors.Is(err, errNotKubernetes):
		return cause, hintServer
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return fmt.Sprintf("no such host: %s", dns.Name), hintServer
		}
		return "its name cannot be looked up: " + cause, hintNetwork
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused", "is it running? " + hintServer
	case errors.As(err, &authority):
		return "its certificate is signed by an unknown authority", "the kubeconfig's certificate-authority is not that of this cluster; " + hintServer
	case errors.As(err, &hostname), errors.As(err, &certificate):
		return "its certificate is not valid: " + cause, "check certificate-authority and tls-server-name in the kubeconfig, and this machine's clock"
	case errors.As(err, &record), strings.Contains(cause, "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS", hintServer
	case strings.Contains(cause, "remote error: tls:"):
		return "it refuses the TLS connection: " + cause, hintLogin
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time", hintNetwork
	case strings.Contains(cause, "getting credentials"):
		return "your credential plugin failed: " + cause, "run the command under users[].user.exec of the kubeconfig by hand"
	}
	return cause, hintNetwork
}

// rootCause is an error's text without the URL that net/http puts before it.
func rootCause(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	return oneLine(err.Error())
}
