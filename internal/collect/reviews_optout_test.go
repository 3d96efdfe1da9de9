package collect_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// TestOptOut: of two webhooks that are not called directly, one can be kept away by a label. That tells which of them
// it is, either way.
func TestOptOut(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real API server was started")
	}
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	server, err := c.ServeWebhooks()
	check(t, err)
	skip := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "skip", Operator: metav1.LabelSelectorOpDoesNotExist}}}
	for _, test := range []struct{ namespace, optOut, other string }{
		{"acquits", "/annotate", "/strip"}, {"convicts", "/strip", "/annotate"},
	} {
		makeNamespace(t, c, test.namespace)
		in := &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: test.namespace}}
		for _, w := range []cluster.Webhook{
			{Configuration: test.namespace + "-opt-out", Client: server.Client(test.optOut), NamespaceSelector: in, ObjectSelector: skip},
			{Configuration: test.namespace + "-other", Client: server.Client(test.other), NamespaceSelector: in},
		} {
			_, err := c.InstallWebhook(t.Context(), w)
			check(t, err)
		}
	}
	snapshot, _ := run(t, collect.Options{Config: c.Config(), Kinds: []facts.Kind{facts.Canaries, facts.ValidatingWebhooks, facts.ValidatingPolicies}, NoURLs: true})
	golden(t, "opt-out", "two webhooks that are not called directly, one of which has a label by which pods opt out: who did it is known", append(digest(snapshot), gapsOf(snapshot)...))
	got := map[string]string{}
	for _, r := range clusterchecks.Judge(snapshot, nil).Webhooks {
		got[r.Name] = r.Result
	}
	for name, want := range map[string]string{"acquits-other": "strips", "acquits-opt-out": "suspect", "convicts-opt-out": "strips", "convicts-other": "preserves"} {
		if got := got[name+"/"+name+".example.com"]; got != want {
			t.Errorf("%s %s, want %s", name, got, want)
		}
	}
}
