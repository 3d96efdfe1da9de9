package collect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// Three webhooks that each answer within their own timeout take longer together than the API server, or the run, gives
// them: what they do is unknown, all three are named, and nobody is blamed.
func TestSlowWebhooksTogether(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real API server was started")
	}
	for name, test := range map[string]struct {
		flags   []string
		timeout time.Duration
	}{
		"the API server's deadline": {flags: []string{"--request-timeout=20s"}, timeout: 3 * time.Minute},
		"the run's":                 {timeout: 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36", Flags: test.flags}}})
			server, err := c.ServeWebhooks()
			check(t, err)
			makeNamespace(t, c, "shop")
			for i := range 3 {
				_, err := c.InstallWebhook(t.Context(), cluster.Webhook{
					Configuration: fmt.Sprintf("slow-%d", i+1), Client: server.Client("/slow-allow"), Timeout: 10 * time.Second,
					NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "shop"}},
				})
				check(t, err)
			}
			snapshot, _ := run(t, collect.Options{Config: c.Config(), Kinds: admissionKinds, Namespace: "shop", Timeout: test.timeout})
			for _, r := range clusterchecks.Judge(snapshot, nil).Results {
				if r.Check.ID != "webhook-strips-restart-policy" && r.Check.ID != "webhook-breaks-canary" {
					continue
				}
				text := strings.Join(told(t, snapshot, r.Check.ID), "\n")
				if r.Status() != checks.Unknown {
					t.Errorf("%s: %s", r.Check.ID, r.Status())
				}
				for i := range 3 {
					if !strings.Contains(text, fmt.Sprintf("slow-%d/", i+1)) {
						t.Errorf("%s does not name slow-%d: %s", r.Check.ID, i+1, text)
					}
				}
			}
		})
	}
}
