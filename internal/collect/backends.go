package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

var (
	getServices = Rule{
		PolicyRule: rule("get", "", "services"),
		Kind:       facts.WebhookBackends, Why: "see whether the Services of mutating webhooks exist",
	}
	listBackendPods = Rule{
		PolicyRule: rule("list", "", "pods"),
		Kind:       facts.WebhookBackends, Why: "see whether pods are behind the Services of mutating webhooks, and of which version they are",
	}
	backendRules = []Rule{getServices, listBackendPods, listCRDs}
)

// nativeSettings are the names of settings, as environment variables or flags, by which injectors are
// told to inject native sidecars.
var nativeSettings = []string{
	"ENABLE_NATIVE_SIDECARS", "NATIVE_SIDECAR_ENABLED", "KUMA_EXPERIMENTAL_SIDECAR_CONTAINERS",
	"--feature-gates", "-enable-consul-dataplane-as-sidecar",
}

// backends reads the Services of the mutating webhooks, each once, and the pods behind them.
func (c *collector) backends(ctx context.Context) {
	if len(c.gapsOf(facts.MutatingWebhooks, "")) > 0 {
		c.gap(facts.WebhookBackends, "", "without the mutating webhooks it is not known what is behind them", "see the gap of the mutating webhooks")
		return
	}
	known := map[string]facts.WebhookBackend{}
	var out []facts.WebhookBackend
	for i := range c.snapshot.MutatingWebhooks {
		config := &c.snapshot.MutatingWebhooks[i]
		for _, w := range config.Webhooks {
			if w.ClientConfig.Service == nil {
				continue
			}
			key := w.ClientConfig.Service.Namespace + "/" + w.ClientConfig.Service.Name
			b, seen := known[key]
			if !seen {
				var err error
				if b, err = c.backend(ctx, w.ClientConfig.Service); err != nil {
					c.gap(facts.WebhookBackends, "service/"+key, oneLine(err.Error()), getServices.In(w.ClientConfig.Service.Namespace).remedy()+"; "+listBackendPods.In(w.ClientConfig.Service.Namespace).remedy())
				}
				known[key] = b
			}
			if b.Service == "" {
				continue
			}
			b.Webhook = config.Name + "/" + w.Name
			out = append(out, b)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot.WebhookBackends = out
}

// backend reads one Service and its pods.
func (c *collector) backend(ctx context.Context, ref *admissionregistrationv1.ServiceReference) (facts.WebhookBackend, error) {
	ctx, cancel := c.reading(ctx)
	defer cancel()
	for _, r := range []Rule{getServices, listBackendPods} {
		if ok, why := c.mayIn(ctx, r, ref.Namespace); !ok {
			return facts.WebhookBackend{}, errors.New(notAllowed(r.In(ref.Namespace), why))
		}
	}
	b := facts.WebhookBackend{Service: ref.Namespace + "/" + ref.Name}
	service, err := c.client.CoreV1().Services(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		b.NoService = true
		return b, nil
	}
	if err != nil {
		return facts.WebhookBackend{}, fmt.Errorf("get service %s/%s: %w", ref.Namespace, ref.Name, err)
	}
	if len(service.Spec.Selector) == 0 {
		b.Unselected = true
		return b, nil
	}
	pods, err := c.client.CoreV1().Pods(ref.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: labels.SelectorFromSet(service.Spec.Selector).String(), Limit: pageSize,
	})
	if err != nil {
		return facts.WebhookBackend{}, fmt.Errorf("list the pods of service %s/%s: %w", ref.Namespace, ref.Name, err)
	}
	for i := range pods.Items {
		addPod(&b, &pods.Items[i])
	}
	slices.Sort(b.Images)
	slices.Sort(b.Native)
	b.Images, b.Native = slices.Compact(b.Images), slices.Compact(b.Native)
	return b, nil
}

func addPod(b *facts.WebhookBackend, pod *corev1.Pod) {
	b.Pods++
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
			b.Ready++
		}
	}
	for _, container := range pod.Spec.Containers {
		b.Images = append(b.Images, container.Image)
		for _, env := range container.Env {
			if slices.Contains(nativeSettings, env.Name) && env.ValueFrom == nil {
				b.Native = append(b.Native, env.Name+"="+env.Value)
			}
		}
		for _, arg := range append(slices.Clone(container.Command), container.Args...) {
			name, _, _ := strings.Cut(arg, "=")
			if slices.Contains(nativeSettings, name) {
				b.Native = append(b.Native, arg)
			}
		}
	}
}
