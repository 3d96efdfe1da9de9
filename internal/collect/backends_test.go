package collect_test

import (
	"fmt"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// An install is software as its manifests install it, as far as this tool looks: names and images are
// the real ones, without registries. Nothing of it runs.
type install struct {
	configuration string
	webhooks      []string
	// namespace and service are empty for a webhook that is called by URL; images for a Service
	// without a pod.
	namespace, service string
	images             []string
	env                []corev1.EnvVar
	args               []string
	envFrom            []corev1.EnvFromSource
	// values is what its ConfigMap has, under the key values; empty for none.
	configMap, values string
	// noService leaves the Service out.
	noService bool
}

var installs = []install{
	{configuration: "pod-identity-webhook", webhooks: []string{"pod-identity-webhook.amazonaws.com"},
		namespace: "kube-system", service: "pod-identity-webhook", images: []string{"amazon/amazon-eks-pod-identity-webhook:v0.5.2"}},
	{configuration: "pod-identity-webhook-managed", webhooks: []string{"iam-for-pods.amazonaws.com"}},
	{configuration: "azure-wi-webhook-mutating-webhook-configuration", webhooks: []string{"mutation.azure-workload-identity.io"},
		namespace: "azure-workload-identity-system", service: "azure-wi-webhook-webhook-service", images: []string{"oss/azure/workload-identity/webhook:v1.3.0"}},
	{configuration: "istio-sidecar-injector", webhooks: []string{"rev.namespace.sidecar-injector.istio.io", "rev.object.sidecar-injector.istio.io"},
		namespace: "istio-system", service: "istiod", images: []string{"istio/pilot:1.27.1-distroless"},
		env: []corev1.EnvVar{{Name: "ENABLE_NATIVE_SIDECARS", Value: "auto"}, {Name: "TOKEN", Value: "s3cret"}}},
	{configuration: "dapr-sidecar-injector", webhooks: []string{"sidecar-injector.dapr.io"},
		namespace: "dapr-system", service: "dapr-sidecar-injector", images: []string{"dapr/injector:1.18.0", "beside:v1"},
		env: []corev1.EnvVar{{Name: "NATIVE_SIDECAR_ENABLED", Value: "s3cret"}}},
	{configuration: "opentelemetry-operator-mutation", webhooks: []string{"mpod.kb.io"},
		namespace: "otel", service: "opentelemetry-operator-webhook", images: []string{"open-telemetry/opentelemetry-operator/opentelemetry-operator:0.120.0"},
		args: []string{"--token=s3cret", "--feature-gates", "a=s3cret,operator.sidecarcontainers.native"}},
	{configuration: "kuma-admission-mutating-webhook-configuration", webhooks: []string{"namespace-kuma-injector.kuma.io"},
		namespace: "kuma-system", service: "kuma-control-plane", images: []string{"kumahq/kuma-cp:2.9.1"}},
	{configuration: "linkerd-proxy-injector-webhook-config", webhooks: []string{"linkerd-proxy-injector.linkerd.io"},
		namespace: "linkerd", service: "linkerd-proxy-injector", images: []string{"linkerd/controller:edge-26.5.2"},
		configMap: "linkerd-config", values: "token: s3cret\nproxy:\n  image: {name: s3cret}\n  nativeSidecar: false\n"},
	{configuration: "linkerd-new", webhooks: []string{"linkerd-proxy-injector.linkerd.io"},
		namespace: "linkerd-new", service: "linkerd-proxy-injector", images: []string{"linkerd/controller:edge-24.8.2"},
		configMap: "linkerd-config", values: "proxy: {nativeSidecar: true}\n"},
	{configuration: "linkerd-unsaid", webhooks: []string{"linkerd-proxy-injector.linkerd.io"},
		namespace: "linkerd-unsaid", service: "linkerd-proxy-injector", images: []string{"linkerd/controller:edge-26.5.2"},
		configMap: "linkerd-config", values: "proxy: {logLevel: warn}\n"},
	{configuration: "istio-sidecar-injector-canary", webhooks: []string{"rev.namespace.sidecar-injector.istio.io"},
		namespace: "istio-canary", service: "istiod", images: []string{"istio/pilot:1.29.0"},
		envFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "istiod-env"}}}}},
	{configuration: "vault-agent-injector-cfg", webhooks: []string{"vault.hashicorp.com"},
		namespace: "vault", service: "vault-agent-injector-svc"},
	{configuration: "mutating-gtoken-webhook-cfg", webhooks: []string{"gtoken.doit-intl.com"},
		namespace: "gtoken", service: "gtoken-webhook-svc", noService: true},
	{configuration: "own", webhooks: []string{"own.example.com"}, namespace: "own", service: "own", images: []string{"own:latest"}},
}

// setUp installs it; its webhooks are called for no pod of this test.
func (in install) setUp(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx, url, none := t.Context(), "https://127.0.0.1:23443/mutate", admissionregistrationv1.SideEffectClassNone
	client := admissionregistrationv1.WebhookClientConfig{URL: &url}
	if in.service != "" {
		client = admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: in.namespace, Name: in.service}}
		in.behind(t, c)
	}
	config := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: in.configuration}}
	for _, name := range in.webhooks {
		config.Webhooks = append(config.Webhooks, admissionregistrationv1.MutatingWebhook{
			Name: name, ClientConfig: client, SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
			ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"meant-for": "nobody"}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		})
	}
	_, err := c.Client().AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, config, metav1.CreateOptions{})
	check(t, err)
}

// behind makes the Service and its pod, and one of an older version that was evicted long ago.
func (in install) behind(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	if in.namespace != "kube-system" {
		makeNamespace(t, c, in.namespace)
	}
	if in.noService {
		return
	}
	ctx, core, labels := t.Context(), c.Client().CoreV1(), map[string]string{"app": in.service}
	_, err := core.Services(in.namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: in.service}, Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 443}}},
	}, metav1.CreateOptions{})
	check(t, err)
	if in.configMap != "" {
		_, err := core.ConfigMaps(in.namespace).Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: in.configMap}, Data: map[string]string{"values": in.values},
		}, metav1.CreateOptions{})
		check(t, err)
	}
	if len(in.images) == 0 {
		return
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "running", Labels: labels}}
	for i, image := range in.images {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: fmt.Sprintf("c%d", i), Image: image, Env: in.env, EnvFrom: in.envFrom, Args: in.args})
	}
	_, err = core.Pods(in.namespace).Create(ctx, pod, metav1.CreateOptions{})
	check(t, err)
	repository, _, _ := strings.Cut(in.images[0], ":")
	evicted, err := core.Pods(in.namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "evicted", Labels: labels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: repository + ":v0.0.1"}}},
	}, metav1.CreateOptions{})
	check(t, err)
	evicted.Status.Phase = corev1.PodFailed
	_, err = core.Pods(in.namespace).UpdateStatus(ctx, evicted, metav1.UpdateOptions{})
	check(t, err)
}

// about is what two checks say, with the evidence that is from the cluster.
func about(s *facts.Snapshot, ids ...string) []string {
	var out []string
	for _, r := range clusterchecks.Judge(s, func(id string) bool { return !strings.Contains(strings.Join(ids, " "), id) }).Results {
		if r.Status() == checks.Skipped {
			continue
		}
		out = append(out, fmt.Sprintf("%s: %s (%s)", r.Check.ID, r.Status(), r.Outcome.Tried))
		for _, f := range r.Outcome.Findings {
			out = append(out, "  "+f.Object.Name+": "+f.Message)
			for _, e := range f.Evidence {
				if !strings.Contains(e, "https://") {
					out = append(out, "    "+e)
				}
			}
		}
		for _, g := range r.Outcome.Missing {
			out = append(out, "  missing "+g.Scope+": "+g.Reason)
		}
	}
	return out
}

// TestKnownSoftware: what is installed is recognised by its real names and images, with what its
// pods are told, and nothing else of them is kept.
func TestKnownSoftware(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real API server was started")
	}
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.36"}},
		FakeNodes:  []cluster.FakeNode{{Name: "new", Version: "1.36"}, {Name: "old", Version: "1.32"}},
	})
	kinds := []facts.Kind{facts.APIServers, facts.Nodes, facts.WebhookBackends}
	tests := []struct {
		name, shows string
		config      *rest.Config
	}{
		{"known-software", "software that is installed under its real names and images, and all of it can be read", user(t, c, "all", rulesFor(kinds)...)},
		{"known-software-no-pods", "the same for a user who is not allowed to list the pods behind the webhooks: versions are not known", user(t, c, "no-pods", rulesFor(kinds, "pods")...)},
		{"known-software-no-configmaps", "the same for a user who is not allowed to read the ConfigMap of Linkerd, which decides", user(t, c, "no-configmaps", rulesFor(kinds, "configmaps")...)},
		{"known-software-no-services", "the same for a user who is allowed to read neither Services nor nodes", user(t, c, "no-services", rulesFor(kinds, "services", "nodes")...)},
	}
	for _, in := range installs { // while the API server hears of the roles
		in.setUp(t, c)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			snapshot, ledger := run(t, collect.Options{Config: test.config, Kinds: kinds})
			golden(t, test.name, test.shows, about(snapshot, "known-stripping-software", "injector-native-sidecars"))
			for _, r := range ledger.Requests() {
				if r.Method != "GET" && !strings.Contains(r.URL, "selfsubjectaccessreviews") && !strings.Contains(r.URL, "dryRun=All") {
					t.Errorf("unexpected request %s %s", r.Method, r.URL)
				}
			}
			if text, err := yaml.Marshal(snapshot); err != nil || strings.Contains(string(text), "s3cret") {
				t.Errorf("the snapshot holds a secret (%v)", err)
			}
		})
	}
}
