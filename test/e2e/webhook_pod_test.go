package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// TestWebhookInPod: the stripping webhook runs in a pod on a real kubelet, and is reached through its
// Service: by the API server, and by doctor through the service proxy.
func TestWebhookInPod(t *testing.T) {
	needsKubelets(t)
	c := cluster.StartFor(t, cluster.Config{
		APIServers:        []cluster.Component{{Version: "1.36"}},
		ControllerManager: &cluster.Component{Version: "1.36"},
		Nodes:             []cluster.Node{{Name: "n1", Component: cluster.Component{Version: "1.36"}}},
	})
	server, err := c.RunWebhook(t.Context(), cluster.WebhookPod{Namespace: "hooks", Name: "strip", Node: c.Kubelets[0], Strip: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.InstallWebhook(t.Context(), cluster.Webhook{
		Configuration:     "strip",
		Client:            server.Client("/mutate"),
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "default"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := plugin.Run(t, c.Kubeconfig, "doctor", "-o", "json", "--checks", "webhook-strips-restart-policy")
	if got.Exit != 3 {
		t.Errorf("exit %d\n%s%s", got.Exit, got.Stdout, got.Stderr)
	}
	want := []string{"webhook-strips-restart-policy: strip/strip.example.com"}
	if diff := cmp.Diff(want, findingsOf(t, got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	const proof = `called directly (service proxy, dryRun: true) with the canary, it returned: {"op":"remove","path":"/spec/initContainers/1/restartPolicy"}`
	for _, f := range got.Report(t).Checks {
		for _, finding := range f.Findings {
			if diff := cmp.Diff(proof, finding.Evidence[2]); diff != "" {
				t.Errorf("evidence: -want +got\n%s", diff)
			}
		}
	}
	if test := plugin.Run(t, c.Kubeconfig, "webhook", "test", "--in-cluster", "strip"); test.Exit != 3 || !strings.Contains(test.Stdout, "0 of 4 came through unharmed") {
		t.Errorf("webhook test: exit %d\n%s%s", test.Exit, test.Stdout, test.Stderr)
	}
	if test := plugin.Run(t, c.Kubeconfig, "webhook", "test", "--in-cluster", "nobody"); test.Exit != 1 || test.Stdout != "" {
		t.Errorf("webhook test of nobody: exit %d\n%s%s", test.Exit, test.Stdout, test.Stderr)
	}
	table := plugin.Run(t, c.Kubeconfig, "webhooks")
	if got := strings.Fields(table.Stdout[strings.Index(table.Stdout, "\n")+1:]); !cmp.Equal(got[:9], []string{"1", "strip/strip.example.com", "hooks/strip", "Fail", "None", "10s", "1", "class-2", "strips"}) {
		t.Errorf("webhooks: exit %d\n%s%s", table.Exit, table.Stdout, table.Stderr)
	}
}
