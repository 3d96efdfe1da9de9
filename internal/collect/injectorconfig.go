package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/known"
)

// getInjectorConfigs is limited to the ConfigMaps by name: nobody has to open all of them to us.
var getInjectorConfigs = Rule{
	PolicyRule: named(rule("get", "", "configmaps"), configMapNames()),
	Kind:       facts.WebhookBackends, Optional: true,
	Why: "read whether Linkerd or Kuma is configured to inject native sidecars",
}

func configMapNames() []string {
	var out []string
	for _, config := range known.Configs() {
		out = append(out, config.ConfigMap)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// injector adds to a backend what the pods of an injector do not show: the ConfigMap in which it is told
// whether to inject native sidecars. The gap of one that could not be read has the reason.
func (c *collector) injector(ctx context.Context, b *facts.WebhookBackend, config string, w *admissionregistrationv1.MutatingWebhook) {
	seen := known.Seen{Configuration: config, Webhook: w.Name, Service: b.Service, Images: b.Images}
	match := func(i known.Injector) bool { return i.Matches(seen) }
	all := known.Injectors()
	at := slices.IndexFunc(all, match)
	if at < 0 {
		b.EnvironmentFrom = nil // of no interest
		return
	}
	from := all[at].Config
	if from == nil {
		return
	}
	about := facts.ConfigMapInstance(w.ClientConfig.Service.Namespace, from.ConfigMap)
	kept, err := c.injectorConfig(ctx, about, from)
	if err != nil {
		if len(c.gapsOf(facts.WebhookBackends, about.Scope())) == 0 {
			c.gap(facts.WebhookBackends, about, oneLine(err.Error()), getInjectorConfigs.In(about.Namespace).remedy())
		}
		return
	}
	b.Native = append(slices.Clone(b.Native), kept)
}

// injectorConfig reads one setting; nothing else of the ConfigMap is kept.
func (c *collector) injectorConfig(ctx context.Context, about facts.Instance, from *known.Config) (string, error) {
	ctx, cancel := c.reading(ctx)
	defer cancel()
	r := getInjectorConfigs.In(about.Namespace)
	r.ResourceNames = []string{about.Name}
	if ok, why := c.may(ctx, r); !ok {
		return "", errors.New(notAllowed(r, why))
	}
	name := "ConfigMap " + about.Namespace + "/" + about.Name
	got, err := c.client.CoreV1().ConfigMaps(about.Namespace).Get(ctx, about.Name, metav1.GetOptions{})
	switch {
	case absent(err):
		return "", errors.New("there is no " + name)
	case err != nil:
		return "", fmt.Errorf("get %s: %w", name, err)
	}
	text, has := got.Data[from.Key]
	kept, ok := from.Read(text)
	if !has || !ok {
		return "", fmt.Errorf("%s has no %s under the key %s", name, from.Setting.Name, from.Key)
	}
	return kept, nil
}

// environmentFrom is where a container's environment comes from, besides what stands in the pod.
func environmentFrom(namespace string, c *corev1.Container) []string {
	var out []string
	for _, from := range c.EnvFrom {
		switch {
		case from.ConfigMapRef != nil:
			out = append(out, "ConfigMap "+namespace+"/"+from.ConfigMapRef.Name)
		case from.SecretRef != nil:
			out = append(out, "Secret "+namespace+"/"+from.SecretRef.Name)
		}
	}
	return out
}
