package collect

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// postReview sends a review to a webhook in the way that its configuration names, for as long as the API server
// would wait.
func (c *collector) postReview(ctx context.Context, call admission.Call, w *admissionregistrationv1.MutatingWebhook, body []byte) ([]byte, facts.Method, error) {
	ctx, cancel := c.request(ctx, reviewTimeout(w))
	defer cancel()
	if w.ClientConfig.Service != nil {
		raw, err := c.askService(ctx, w.ClientConfig.Service, body)
		return raw, facts.ByServiceProxy, err
	}
	raw, err := c.askURL(ctx, call, w, body)
	return raw, facts.Directly, err
}

// reviewTimeout is a webhook's timeoutSeconds; 10 s is the API server's default.
func reviewTimeout(w *admissionregistrationv1.MutatingWebhook) time.Duration {
	if w != nil && w.TimeoutSeconds != nil {
		return time.Duration(*w.TimeoutSeconds) * time.Second
	}
	return 10 * time.Second
}

// askService posts a review to a webhook behind a Service, through the API server's proxy. Its
// authority is not checked on this way, and the proxy dials pods only (endpoints with a targetRef).
func (c *collector) askService(ctx context.Context, service *admissionregistrationv1.ServiceReference, body []byte) ([]byte, error) {
	if ok, why := c.mayIn(ctx, proxyServices, service.Namespace); !ok {
		return nil, &missingRight{right: proxyServices.In(service.Namespace), why: why}
	}
	port, path := int32(443), "/"
	if service.Port != nil {
		port = *service.Port
	}
	if service.Path != nil {
		path = *service.Path
	}
	u := *c.base
	u.Path += fmt.Sprintf("/api/v1/namespaces/%s/services/https:%s:%d/proxy", service.Namespace, service.Name, port) + path
	raw, err := post(ctx, c.http, u.String(), body)
	return raw, proxyOutcome(err)
}

// errNotAsked is in errors that tell nothing about the webhook.
var errNotAsked = errors.New("it was not asked")

// askURL posts a review to a webhook outside the cluster, as the API server would: with the CA of its
// configuration. A loopback address is the API server's own machine, not this one.
func (c *collector) askURL(ctx context.Context, call admission.Call, w *admissionregistrationv1.MutatingWebhook, body []byte) ([]byte, error) {
	if w.ClientConfig.URL == nil {
		return nil, &unanswered{facts.ReviewNotCallable, errors.New("its configuration has neither service nor url")}
	}
	if err := c.opts.mayAskListed(*w.ClientConfig.URL); err != nil {
		return nil, err
	}
	// The snapshot has no authorities, and a URL without its secrets.
	full, err := c.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, call.Configuration, metav1.GetOptions{})
	if a, ok := answered(err); ok && a.Code == http.StatusForbidden {
		return nil, fmt.Errorf("%w: %w", errNotAsked, &missingRight{right: getWebhook, why: a.Message})
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read its configuration: %w", errNotAsked, err)
	}
	var config admissionregistrationv1.WebhookClientConfig
	for _, other := range full.Webhooks {
		if other.Name == call.Webhook {
			config = other.ClientConfig
		}
	}
	if config.URL == nil {
		return nil, &unanswered{facts.ReviewNotAsked, errors.New("its configuration has changed during the run")}
	}
	u, err := url.Parse(*config.URL)
	if err != nil || u.Scheme != "https" {
		return nil, &unanswered{facts.ReviewNotCallable, errors.New("its url cannot be used")}
	}
	if loopback(u.Hostname()) {
		return nil, &unanswered{facts.ReviewNotCallable, fmt.Errorf("%w (%s)", ErrElsewhere, u.Host)}
	}
	named, err := c.opts.mayAsk(u.Hostname(), u.Port())
	if err != nil {
		return nil, err
	}
	authorities := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(config.CABundle) > 0 {
		authorities.RootCAs = x509.NewCertPool()
		authorities.RootCAs.AppendCertsFromPEM(config.CABundle)
	}
	client := c.urlClient(authorities, named)
	return post(ctx, client, u.String(), body)
}

// A missingRight is why something was not asked: a right of the caller, or the user's word for a host.
type missingRight struct {
	right Rule
	why   string
	host  string // that is not public and was not named; "" for a right
}

func (e *missingRight) Error() string {
	if e.host != "" {
		return fmt.Sprintf("host %s is not public, and was not named", e.host)
	}
	return notAllowed(e.right, e.why)
}

// remedy says what would help.
func (e *missingRight) remedy() facts.Remedy {
	if e.host != "" {
		return facts.Do("if you trust whoever configured the webhook there, name its host: --ask-url " + e.host)
	}
	return e.right.remedy()
}

// notAllowed says that a right is missing, with the server's words if it has any.
func notAllowed(r Rule, why string) string {
	text := fmt.Sprintf("you are not allowed to %s %s", r.Verbs[0], r.object())
	if why != "" {
		text += ": " + oneLine(why)
	}
	return text
}

// ErrElsewhere is in errors about a webhook at an address that is another machine for the API server than for us.
var ErrElsewhere = errors.New("its url is on the machine of the API server, and cannot be called from here")

// loopback reports whether a host is whatever machine asks: for the API server, its own.
func loopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// post sends a review and reads the answer, bounded by the context's time and by admission.MaxAnswer.
func post(ctx context.Context, client *http.Client, to string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, noAnswer(ctx, err)
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		resp.Body.Close()
		return nil, fmt.Errorf("it redirects (HTTP status %d), which is not followed here", resp.StatusCode)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, readError(resp)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, admission.MaxAnswer+1))
	if err != nil {
		return nil, noAnswer(ctx, err)
	}
	if len(raw) > admission.MaxAnswer {
		return nil, fmt.Errorf("its answer is larger than %d MiB, which no pod is", admission.MaxAnswer>>20)
	}
	return raw, nil
}

func noAnswer(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &unanswered{facts.ReviewUnreachable, errors.New("it did not answer in time")}
	}
	var refused *addressRefused
	if errors.As(err, &refused) {
		return &unanswered{refused.outcome(), refused}
	}
	return &unanswered{facts.ReviewUnreachable, errors.New(rootCause(err))}
}
