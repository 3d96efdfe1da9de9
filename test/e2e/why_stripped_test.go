package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

const strippedPod = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  initContainers:
  - {name: proxy, image: ` + cluster.ToolImage + `, restartPolicy: Always, args: [serve, ":15001"]}
  containers:
  - {name: app, image: ` + cluster.ToolImage + `, args: [serve, ":8080"]}
`

// TestWhyStripped asks about pods whose sidecar lost its restartPolicy to a webhook, which is named:
// also where it looks at a label that only this pod has, which no owner's template tells of.
func TestWhyStripped(t *testing.T) {
	needsKubelets(t)
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.36"}}, ControllerManager: &cluster.Component{Version: "1.36"},
		Scheduler: &cluster.Component{Version: "1.36"}, Nodes: []cluster.Node{{Component: cluster.Component{Version: "1.36"}}},
	})
	server, err := c.StripWebhook(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for namespace, objects := range map[string]*metav1.LabelSelector{
		"shop": nil, "media": {MatchLabels: map[string]string{"app": "web"}},
	} {
		t.Run(namespace, func(t *testing.T) { whyStripped(t, c, server, namespace, objects) })
	}
}

func whyStripped(t *testing.T, c *cluster.Cluster, server *cluster.WebhookServer, namespace string, objects *metav1.LabelSelector) {
	if err := c.CreateNamespace(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.InstallWebhook(t.Context(), cluster.Webhook{
		Configuration: "labeler-" + namespace, Client: server.Client("/mutate"), ObjectSelector: objects,
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
	}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pod.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(strippedPod, "shop", namespace)), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl(t, c, "apply", "-f", file)

	var r plugin.Ran
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Second) {
		if r = plugin.Run(t, c.Kubeconfig, "why", "web", "-n", namespace, "-o", "json", "--show-requests"); r.Exit == report.ExitFindings {
			break
		}
	}
	rep := r.Report(t)
	if r.Exit != report.ExitFindings || len(rep.Diagnoses) != 1 {
		t.Fatalf("exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
	d := rep.Diagnoses[0]
	if d.RootCause != "restart-policy-stripped" || !strings.Contains(d.Message, "labeler-"+namespace) || !slices.Contains(d.Because, "webhook-strips-restart-policy") {
		t.Errorf("%s: %s, because %v", d.RootCause, d.Message, d.Because)
	}
	// Dry runs, access reviews, and the webhook itself, which is asked with a dry-run review.
	harmless := regexp.MustCompile(`dryRun=All|selfsubject|^POST https://` + regexp.QuoteMeta(c.Host()) + `:\d+/REDACTED `)
	for _, l := range strings.Split(r.Stderr, "\n") {
		if strings.HasPrefix(l, "POST ") && !harmless.MatchString(l) {
			t.Errorf("not read-only: %s", l)
		}
	}
}
