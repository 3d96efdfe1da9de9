package e2e

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/webhook"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// TestFailsOpen: a webhook that fails open and cannot be called is one warning, and unknown, whatever is behind it,
// also where only one check is asked; the table says so, too. Once it can be called it is not.
func TestFailsOpen(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	if err := c.CreateNamespace(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "hooks"}}); err != nil {
		t.Fatal(err)
	}
	server, err := c.ServeWebhooksBehind(t.Context(), "hooks", "hook", "hook:v1")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := "https://" + c.Host() + ":9/strip"
	loopback := "https://127.0.0.1:9/strip"
	if _, err := c.Client().CoreV1().Services("hooks").Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "gone"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "gone"}, Ports: []corev1.ServicePort{{Port: 443}}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	here, handler := onLoopback(t, c)
	gone := server.Client("/strip")
	gone.Service.Name = "gone"
	for _, test := range []struct {
		name   string
		client admissionregistrationv1.WebhookClientConfig
		result string
		exit   int
	}{
		{"no-endpoints", gone, "unreachable", 4},
		{"bad-ca", server.BadCA("/strip"), "unreachable", 4},
		{"nowhere", admissionregistrationv1.WebhookClientConfig{URL: &nowhere}, "unreachable", 4},
		{"loopback", admissionregistrationv1.WebhookClientConfig{URL: &loopback}, "unreachable", 4},
		{"loopback-answers", here, "preserves", 0},
		{"answers", server.Client("/annotate"), "preserves", 0},
		{"strips", server.Client("/strip"), "strips", 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := c.InstallWebhook(t.Context(), cluster.Webhook{
				Configuration: test.name, Client: test.client, FailurePolicy: admissionregistrationv1.Ignore,
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "default"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := c.RemoveWebhook(t.Context(), test.name); err != nil {
					t.Error(err)
				}
			}()
			one := plugin.Run(t, c.Kubeconfig, "doctor", "-o", "json", "--checks", "webhook-strips-restart-policy")
			if one.Exit != test.exit {
				t.Errorf("one check: exit %d, want %d\n%s%s", one.Exit, test.exit, one.Stdout, one.Stderr)
			}
			all := plugin.Run(t, c.Kubeconfig, "doctor", "-o", "json", "--checks", "webhook-strips-restart-policy,webhook-breaks-canary,webhook-fails-open")
			if all.Exit != test.exit {
				t.Errorf("exit %d, want %d\n%s%s", all.Exit, test.exit, all.Stdout, all.Stderr)
			}
			rep := all.Report(t)
			if len(rep.Webhooks) != 1 || rep.Webhooks[0].Result != test.result {
				t.Errorf("the table: %+v, want %s", rep.Webhooks, test.result)
			}
			warnings := 0
			for _, e := range rep.Checks {
				if e.ID == "webhook-fails-open" {
					warnings += len(e.Findings)
				}
			}
			if want := map[string]int{"unreachable": 1}[test.result]; warnings != want {
				t.Errorf("%d warnings, want %d", warnings, want)
			}
			table := plugin.Run(t, c.Kubeconfig, "webhooks")
			if !strings.Contains(table.Stdout, test.result) || table.Exit != 0 {
				t.Errorf("webhooks: exit %d\n%s%s", table.Exit, table.Stdout, table.Stderr)
			}
		})
	}
	for _, r := range handler.Requests() {
		// What is asked directly has a controller as its user.
		if strings.Contains(string(r.Body), "replicaset-controller") {
			t.Errorf("a webhook at a loopback address was not asked by the API server: %s", r.Body)
		}
	}
	if n := len(handler.Requests()); n == 0 {
		t.Error("the API server did not call the webhook at a loopback address")
	}
}

// onLoopback is a webhook that only who is on the machine of the API server can call.
func onLoopback(t *testing.T, c *cluster.Cluster) (admissionregistrationv1.WebhookClientConfig, *webhook.Handler) {
	t.Helper()
	cert, key, err := c.ServingCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	handler := &webhook.Handler{}
	server := webhook.Server(handler)
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { server.Close() })
	url := "https://" + listener.Addr().String() + "/annotate"
	return admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: c.CA()}, handler
}
