package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"path/filepath"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/webhook"
)

// WebhookServer is a running server of admission webhooks, on this machine or
// in a pod. The paths are those of package webhook, or of test/webhooks/strip.
type WebhookServer struct {
	// Handler knows what was asked; nil if the server is another process.
	Handler *webhook.Handler

	client admissionregistrationv1.WebhookClientConfig
}

// Client is how an API server finds the webhook at a path.
func (s *WebhookServer) Client(path string) admissionregistrationv1.WebhookClientConfig {
	client := *s.client.DeepCopy()
	if client.Service != nil {
		client.Service.Path = &path
		return client
	}
	url := *client.URL + path
	client.URL = &url
	return client
}

// BadCA is the same with a CA bundle that did not sign the server's
// certificate, so that the API server refuses to talk to it.
func (s *WebhookServer) BadCA(path string) admissionregistrationv1.WebhookClientConfig {
	client := s.Client(path)
	if stranger, err := newAuthority("stranger"); err == nil {
		client.CABundle = stranger.pem
	}
	return client
}

// ServeWebhooks serves the behaviors of package webhook in this process.
func (c *Cluster) ServeWebhooks() (*WebhookServer, error) {
	p, err := c.ca.server(c.Host())
	if err != nil {
		return nil, fmt.Errorf("serve webhooks: %w", err)
	}
	serving, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		return nil, fmt.Errorf("serve webhooks: %w", err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(c.Host(), "0"))
	if err != nil {
		return nil, fmt.Errorf("serve webhooks: %w", err)
	}
	handler := &webhook.Handler{}
	server := webhook.Server(handler)
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{serving}}
	server.ErrorLog = log.New(io.Discard, "", 0) // bad certificates are meant
	go func() { _ = server.ServeTLS(listener, "", "") }()
	c.onStop(func() { server.Close() })
	return c.webhookAt(listener.Addr().String(), handler), nil
}

// StripWebhook runs test/webhooks/strip on this machine.
func (c *Cluster) StripWebhook(ctx context.Context) (*WebhookServer, error) {
	file, err := binaries.Program(ctx, "test/webhooks/strip", ".")
	if err != nil {
		return nil, fmt.Errorf("start the stripping webhook: %w", err)
	}
	p, err := c.ca.server(c.Host())
	if err != nil {
		return nil, fmt.Errorf("start the stripping webhook: %w", err)
	}
	address, err := c.freeAddress()
	if err != nil {
		return nil, fmt.Errorf("start the stripping webhook: %w", err)
	}
	name := "strip-" + address[strings.LastIndex(address, ":")+1:]
	if err := p.keep(c.pki(name)); err != nil {
		return nil, fmt.Errorf("start the stripping webhook: %w", err)
	}
	child, err := c.start(program{name: name, path: file, args: []string{address, c.pki(name + ".crt"), c.pki(name + ".key")}})
	if err != nil {
		return nil, err
	}
	err = child.wait(ctx, func(context.Context) error { return dial(address) })
	return c.webhookAt(address, nil), err
}

func (c *Cluster) webhookAt(address string, handler *webhook.Handler) *WebhookServer {
	url := "https://" + address
	return &WebhookServer{
		Handler: handler,
		client:  admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: c.ca.pem},
	}
}

// freeAddress is one where nobody listens; the address is the cluster's own,
// so nobody else is about to.
func (c *Cluster) freeAddress() (string, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(c.Host(), "0"))
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

func (c *Cluster) onStop(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closers = append(c.closers, do)
}

// webhookImage has both webhook programs.
const webhookImage = "kubectl-sidecar.dev/test/webhooks:1"

func webhookPrograms(ctx context.Context) (map[string]string, error) {
	server, err := binaries.Program(ctx, ".", "./test/cluster/webhook/server")
	if err != nil {
		return nil, err
	}
	strip, err := binaries.Program(ctx, "test/webhooks/strip", ".")
	return map[string]string{"/server": server, "/strip": strip}, err
}

func (c *Cluster) webhookArchive() string { return filepath.Join(c.dir, "webhooks.tar") }
