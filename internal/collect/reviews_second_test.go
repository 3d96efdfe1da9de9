package collect_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// TestTwoCulprits: of two webhooks that each do one thing to a canary, one is not asked. A canary that it
// does not see shows what it did.
func TestTwoCulprits(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real API server was started")
	}
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	makeNamespace(t, c, "hooks", "both")
	outside, err := c.ServeWebhooks()
	check(t, err)
	both := &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "both"}}
	skip := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "skip-strip", Operator: metav1.LabelSelectorOpDoesNotExist}}}
	for _, w := range []cluster.Webhook{
		{Configuration: "b-promote", Client: serveBehindService(t, c, "hooks", "hook", "hook:v1")("/promote"), NamespaceSelector: both},
		{Configuration: "a-strip", Client: outside.Client("/strip"), NamespaceSelector: both, ObjectSelector: skip},
	} {
		_, err := c.InstallWebhook(t.Context(), w)
		check(t, err)
	}
	snapshot, _ := run(t, collect.Options{Config: c.Config(), Kinds: admissionKinds, Namespace: "both", NoURLs: true})
	lines := append(digest(snapshot), gapsOf(snapshot)...)
	for _, canary := range snapshot.Canaries {
		for _, r := range canary.Reviews {
			lines = append(lines, fmt.Sprintf("%s %s: %d changes", r.Webhook, r.Outcome, len(r.Changes)))
		}
		for _, e := range canary.Exempted {
			lines = append(lines, fmt.Sprintf("without %s: %v", e.Webhook, e.Changes))
		}
	}
	golden(t, "two-culprits", "one webhook moves the field and another one, which is not asked, strips it: each is found", lines)
}
