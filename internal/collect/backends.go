package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
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
	backendRules = []Rule{getServices, listBackendPods, countCalls, getInjectorConfigs, listCRDs}
)

// backends reads the Services of the mutating webhooks, each once, and the pods behind them.
func (c *collector) backends(ctx context.Context) {
	if gaps := c.gapsOf(facts.MutatingWebhooks, ""); len(gaps) > 0 {
		c.gap(facts.WebhookBackends, whole, "without the mutating webhooks it is not known what is behind them", gaps[0].HowToClose())
		return
	}
	read := map[string]facts.WebhookBackend{}
	var out []facts.WebhookBackend
	for i := range c.snapshot.MutatingWebhooks {
		config := &c.snapshot.MutatingWebhooks[i]
		for _, w := range config.Webhooks {
			if w.ClientConfig.Service == nil {
				continue
			}
			key := w.ClientConfig.Service.Namespace + "/" + w.ClientConfig.Service.Name
			b, seen := read[key]
			if !seen {
				var err error
				if b, err = c.backend(ctx, w.ClientConfig.Service); err != nil {
					c.gap(facts.WebhookBackends, facts.ServiceInstance(w.ClientConfig.Service.Namespace, w.ClientConfig.Service.Name), oneLine(err.Error()), facts.Do(getServices.In(w.ClientConfig.Service.Namespace).remedy().Text+"; "+listBackendPods.In(w.ClientConfig.Service.Namespace).remedy().Text))
				}
				read[key] = b
			}
			if b.Service == "" {
				continue
			}
			b.Webhook = config.Name + "/" + w.Name
			c.injector(ctx, &b, config.Name, &w)
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
	if absent(err) {
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
	slices.Sort(b.EnvironmentFrom)
	b.Images, b.Native, b.EnvironmentFrom = slices.Compact(b.Images), slices.Compact(b.Native), slices.Compact(b.EnvironmentFrom)
	return b, nil
}

// addPod adds what a pod shows. One that is finished, as after an eviction, no longer answers.
func addPod(b *facts.WebhookBackend, pod *corev1.Pod) {
	if facts.PodFinished(pod) {
		return
	}
	b.Pods++
	if facts.PodReady(pod) {
		b.Ready++
	}
	for i := range pod.Spec.Containers {
		b.Images = append(b.Images, pod.Spec.Containers[i].Image)
		b.Native = append(b.Native, settingsOf(&pod.Spec.Containers[i])...)
		b.EnvironmentFrom = append(b.EnvironmentFrom, environmentFrom(pod.Namespace, &pod.Spec.Containers[i])...)
	}
}

// settingsOf are those settings of a container that are known to decide about native sidecars. Nothing
// else of its environment and arguments is kept.
func settingsOf(c *corev1.Container) []string {
	var out []string
	keep := func(name, value string) {
		if kept, ok := known.KeepSetting(name, value); ok {
			out = append(out, kept)
		}
	}
	for _, env := range c.Env {
		keep(env.Name, env.Value) // a value from elsewhere is empty here, and is kept as another value
	}
	args := slices.Concat(c.Command, c.Args)
	for i, arg := range args {
		name, value, given := strings.Cut(arg, "=")
		if !given && i+1 < len(args) {
			value = args[i+1]
		}
		if strings.HasPrefix(name, "-") {
			keep(name, value)
		}
	}
	return out
}
