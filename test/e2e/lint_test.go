package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

const twoWorkloads = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
      - {name: proxy, image: "proxy:1", restartPolicy: Always, startupProbe: {tcpSocket: {port: 15001}}}
      containers:
      - {name: app, image: "app:1"}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: default}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      initContainers:
      - {name: proxy, image: "proxy:1", restartPolicy: Always, startupProbe: {tcpSocket: {port: 15001}}}
      containers:
      - {name: app, image: "app:1"}
`

// TestLintCluster: what the webhooks of a real API server do to the workloads of a file, as pods and as they are.
// Nothing of the file is on the cluster.
func TestLintCluster(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	server, err := c.ServeWebhooks()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(file, []byte(twoWorkloads), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		hook cluster.Webhook
		want []string
	}{
		{name: "no webhook"},
		{"pods with a label", cluster.Webhook{Client: server.Client("/strip"), ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}}, []string{"StatefulSet db"}},
		{"templates", cluster.Webhook{Client: server.Client("/strip"), Rules: []admissionregistrationv1.RuleWithOperations{{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"}},
		}}}, []string{"Deployment web"}},
		{"a webhook that leaves all as it is", cluster.Webhook{Client: server.Client("/annotate")}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.hook.Client.URL != nil || test.hook.Client.Service != nil {
				test.hook.Configuration = "tidy"
				if _, err := c.InstallWebhook(t.Context(), test.hook); err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.RemoveWebhook(t.Context(), "tidy") }()
			}
			r := plugin.Run(t, c.Kubeconfig, "lint", "-f", file, "--cluster", "--checks", "webhook-strips-workload", "-o", "json")
			type checked struct {
				ID       string           `json:"id"`
				Findings []checks.Finding `json:"findings"`
				Missing  []any            `json:"missing"`
			}
			var got struct {
				Checks []checked `json:"checks"`
			}
			err := json.Unmarshal([]byte(r.Stdout), &got)
			i := slices.IndexFunc(got.Checks, func(c checked) bool { return c.ID == "webhook-strips-workload" })
			if err != nil || i < 0 || len(got.Checks[i].Missing) > 0 {
				t.Fatalf("exit %d, %v\n%s%s", r.Exit, err, r.Stdout, r.Stderr)
			}
			var stripped []string
			for _, f := range got.Checks[i].Findings {
				stripped = append(stripped, f.Object.Kind+" "+f.Object.Name)
				if text := f.Message + strings.Join(f.Evidence, "\n"); !strings.Contains(text, "tidy") || f.Place.File == "" {
					t.Errorf("no name of the webhook, or no place: %+v", f)
				}
			}
			if diff := cmp.Diff(test.want, stripped); diff != "" || (len(test.want) > 0) != (r.Exit == 3) {
				t.Errorf("exit %d (-want +got)\n%s%s%s", r.Exit, diff, r.Stdout, r.Stderr)
			}
		})
	}
}
