package collect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// An Installed is one webhook of a configuration in a cluster that can be called directly.
type Installed struct {
	// Name is "configuration/webhook".
	Name string
	// Version is the version of AdmissionReview that it understands.
	Version string
	// Creates and Updates are whether its rules have the creation and the update of pods: else the API server never asks
	// it about that, and what it answers then tells nothing.
	Creates, Updates bool
	Ask              admission.Asker
}

// Webhooks returns the webhooks of a MutatingWebhookConfiguration, to be asked through the service
// proxy, or at their URL. Only reviews with dryRun: true pass the guards, and a webhook that does not
// declare that it has no side effects then is not asked.
func Webhooks(ctx context.Context, o Options, configuration string) ([]Installed, *Ledger, error) {
	c, err := newCollector(o)
	if err != nil {
		return nil, &Ledger{}, err
	}
	if err := c.contact(ctx); err != nil {
		return nil, c.ledger, err
	}
	readCtx, cancel := c.reading(ctx)
	defer cancel()
	config, err := c.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(readCtx, configuration, metav1.GetOptions{})
	if err != nil {
		return nil, c.ledger, fmt.Errorf("read the configuration: %w", err)
	}
	var out []Installed
	for i := range config.Webhooks {
		w := &config.Webhooks[i]
		call := admission.Call{Configuration: configuration, Webhook: w.Name}
		out = append(out, Installed{
			Name: call.Name(), Version: admission.ReviewVersion(w.AdmissionReviewVersions),
			Creates: facts.SeesPodCreates(w.Rules), Updates: facts.SeesPodUpdates(w.Rules),
			Ask: func(ctx context.Context, body []byte) ([]byte, error) { return c.askInstalled(ctx, call, w, body) },
		})
	}
	if len(out) == 0 {
		return nil, c.ledger, fmt.Errorf("mutatingwebhookconfiguration %s has no webhooks", configuration)
	}
	return out, c.ledger, nil
}

func (c *collector) askInstalled(ctx context.Context, call admission.Call, w *admissionregistrationv1.MutatingWebhook, body []byte) ([]byte, error) {
	if !admission.DryRunnable(w) {
		return nil, errors.New("it declares side effects also for dry runs, and was not asked")
	}
	raw, _, err := c.postReview(ctx, call, w, body)
	return raw, err
}

// AtURL asks a webhook at any URL, as its author does on their own machine. ca is PEM; empty means the
// system's authorities. timeout is that of one review, tool the version of the plugin.
func AtURL(url string, ca []byte, insecure bool, timeout time.Duration, tool string) (admission.Asker, *Ledger, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure}
	if len(ca) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, &Ledger{}, errors.New("the CA file holds no certificate in PEM format")
		}
	}
	ledger := &Ledger{}
	client := reviewClient(config, userAgent(tool), ledger, &breach{})
	return func(ctx context.Context, body []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return post(ctx, client, url, body)
	}, ledger, nil
}
