package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes"
)

// Webhook describes a MutatingWebhookConfiguration with one webhook. What is
// left out is what most webhooks have.
type Webhook struct {
	// Configuration is the object's name: webhooks are called in the order
	// of these names.
	Configuration string
	// Name of the webhook, Configuration + ".example.com" when empty.
	Name string
	// Client comes from a WebhookServer.
	Client admissionregistrationv1.WebhookClientConfig
	// Rules are the creation of pods when empty.
	Rules               []admissionregistrationv1.RuleWithOperations
	NamespaceSelector   *metav1.LabelSelector
	ObjectSelector      *metav1.LabelSelector
	MatchConditions     []admissionregistrationv1.MatchCondition
	FailurePolicy       admissionregistrationv1.FailurePolicyType      // Fail
	SideEffects         admissionregistrationv1.SideEffectClass        // None
	Reinvocation        admissionregistrationv1.ReinvocationPolicyType // Never
	Timeout             time.Duration                                  // 10s; whole seconds
	ReviewVersions      []string                                       // v1
	Labels, Annotations map[string]string
}

// InstallWebhook creates the configuration and returns when every API server
// calls the webhook.
func (c *Cluster) InstallWebhook(ctx context.Context, w Webhook) (*admissionregistrationv1.MutatingWebhookConfiguration, error) {
	object, err := c.webhookConfigurations().Create(ctx, w.object(), metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("install webhook %s: %w", w.Configuration, err)
	}
	return object, c.AwaitWebhooks(ctx)
}

// RemoveWebhook deletes the configuration and returns when no API server
// calls the webhook any more.
func (c *Cluster) RemoveWebhook(ctx context.Context, configuration string) error {
	if err := c.webhookConfigurations().Delete(ctx, configuration, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("remove webhook %s: %w", configuration, err)
	}
	return c.AwaitWebhooks(ctx)
}

func (w Webhook) object() *admissionregistrationv1.MutatingWebhookConfiguration {
	if w.Name == "" {
		w.Name = w.Configuration + ".example.com"
	}
	if w.Rules == nil {
		w.Rules = []admissionregistrationv1.RuleWithOperations{createOf("pods")}
	}
	if w.FailurePolicy == "" {
		w.FailurePolicy = admissionregistrationv1.Fail
	}
	if w.SideEffects == "" {
		w.SideEffects = admissionregistrationv1.SideEffectClassNone
	}
	if w.Reinvocation == "" {
		w.Reinvocation = admissionregistrationv1.NeverReinvocationPolicy
	}
	if w.Timeout == 0 {
		w.Timeout = 10 * time.Second
	}
	if w.ReviewVersions == nil {
		w.ReviewVersions = []string{"v1"}
	}
	seconds := int32(w.Timeout / time.Second)
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: w.Configuration, Labels: w.Labels, Annotations: w.Annotations},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: w.Name, ClientConfig: w.Client, Rules: w.Rules,
			NamespaceSelector: w.NamespaceSelector, ObjectSelector: w.ObjectSelector, MatchConditions: w.MatchConditions,
			FailurePolicy: &w.FailurePolicy, SideEffects: &w.SideEffects, ReinvocationPolicy: &w.Reinvocation,
			TimeoutSeconds: &seconds, AdmissionReviewVersions: w.ReviewVersions,
		}},
	}
}

func createOf(resources ...string) admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: resources},
	}
}

// AwaitWebhooks returns when every API server knows all webhook
// configurations that exist now. API servers learn of them in the order of
// the writes, so it makes one more, for nothing but a marked ConfigMap that
// is never stored, and waits until that one has an effect.
func (c *Cluster) AwaitWebhooks(ctx context.Context) (err error) {
	mark := map[string]string{"kubectl-sidecar.dev/mark": rand.String(8)}
	nowhere := "https://" + c.Host() + ":1/"
	marker := Webhook{
		Configuration: "zz-mark-" + rand.String(8), Rules: []admissionregistrationv1.RuleWithOperations{createOf("configmaps")},
		Client:         admissionregistrationv1.WebhookClientConfig{URL: &nowhere},
		ObjectSelector: &metav1.LabelSelector{MatchLabels: mark},
	}.object()
	if _, err := c.webhookConfigurations().Create(ctx, marker, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("await webhooks: %w", err)
	}
	defer func() {
		err = errors.Join(err, c.webhookConfigurations().Delete(context.WithoutCancel(ctx), marker.Name, metav1.DeleteOptions{}))
	}()
	for _, server := range c.APIServers {
		if server.process.ended() {
			continue
		}
		client, err := kubernetes.NewForConfig(server.Config())
		if err != nil {
			return fmt.Errorf("await webhooks: %w", err)
		}
		if err := server.process.wait(ctx, func(ctx context.Context) error { return refused(ctx, client, mark) }); err != nil {
			return fmt.Errorf("await webhooks: %w", err)
		}
	}
	return nil
}

func refused(ctx context.Context, client kubernetes.Interface, mark map[string]string) error {
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "mark-", Labels: mark}}
	_, err := client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if apierrors.IsInternalError(err) {
		return nil
	}
	return fmt.Errorf("a webhook has no effect yet: %w", err)
}

func (c *Cluster) webhookConfigurations() webhookClient {
	return c.client.AdmissionregistrationV1().MutatingWebhookConfigurations()
}
