package collect_test

import (
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// results are those of the table, by configuration.
func results(s *facts.Snapshot) map[string]string {
	out := map[string]string{}
	for _, r := range clusterchecks.ViewOf(s).Webhooks() {
		configuration, _, _ := strings.Cut(r.Name, "/")
		out[configuration] = r.Result
	}
	return out
}

// TestCalledForAddedLabel: a webhook that strips is called because of a label that another one adds. Neither that one nor
// a third is to blame, and the one that is never called for it is not.
func TestCalledForAddedLabel(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real API server was started")
	}
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.32"}}})
	server, err := c.ServeWebhooks()
	check(t, err)
	mesh := &metav1.LabelSelector{MatchLabels: map[string]string{"mesh": "on"}}
	for _, w := range []cluster.Webhook{
		{Configuration: "a-early", Client: server.Client("/strip"), ObjectSelector: mesh},
		{Configuration: "b-label", Client: server.Client("/label")},
		{Configuration: "c-strip", Client: server.Client("/strip"), ObjectSelector: mesh},
	} {
		_, err := c.InstallWebhook(t.Context(), w)
		check(t, err)
	}
	for name, o := range map[string]collect.Options{"asked": {}, "not asked": {NoURLs: true}} {
		o.Config, o.Kinds = c.Config(), []facts.Kind{facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies, facts.Canaries}
		snapshot, _ := run(t, o)
		got := results(snapshot)
		if got["b-label"] == "strips" {
			t.Errorf("%s: the webhook that adds a label is blamed: %v", name, got)
		}
		if want := map[string]string{"asked": "strips", "not asked": "suspect"}[name]; got["c-strip"] != want {
			t.Errorf("%s: c-strip %s, want %s", name, got["c-strip"], want)
		}
	}
}

// TestGateOffBlamesNobody: where the API server itself drops the field, and then refuses the probes of a sidecar, no
// webhook is to blame.
func TestGateOffBlamesNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real API server was started")
	}
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.32", FeatureGates: map[string]bool{"SidecarContainers": false}}}})
	server, err := c.ServeWebhooks()
	check(t, err)
	rules := []admissionregistrationv1.RuleWithOperations{{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{"", "apps"}, APIVersions: []string{"v1"}, Resources: []string{"pods/*", "deployments/*"}},
	}}
	_, err = c.InstallWebhook(t.Context(), cluster.Webhook{Configuration: "innocent", Client: server.Client("/allow"), Rules: rules})
	check(t, err)
	documents, err := workload.Parse("web.yaml", []byte(`apiVersion: apps/v1
kind: Deployment
metadata: {name: probed, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers: [{name: proxy, image: a, restartPolicy: Always, startupProbe: {tcpSocket: {port: 80}}}]
      containers: [{name: web, image: a}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: plain, namespace: default}
spec:
  selector: {matchLabels: {app: plain}}
  template:
    metadata: {labels: {app: plain}}
    spec:
      initContainers: [{name: proxy, image: a, restartPolicy: Always}]
      containers: [{name: web, image: a}]
`))
	check(t, err)
	o := collect.Options{Config: c.Config(), Kinds: []facts.Kind{facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies, facts.Canaries}}
	for _, d := range documents {
		o.Workloads = append(o.Workloads, d.Workloads...)
	}
	snapshot, _ := run(t, o)
	view := clusterchecks.ViewOf(snapshot)
	for _, name := range []string{"Deployment default/probed", "Deployment default/plain"} {
		trial := view.AdmissionOf(name, "Deployment")
		if trial.Keeping != clusterchecks.Untold || !strings.Contains(trial.Why, "the API server itself drops") {
			t.Errorf("%s: %+v", name, trial)
		}
	}
	for _, r := range clusterchecks.Judge(snapshot, nil).Results {
		for _, f := range r.Outcome.Findings {
			if r.Check.Category == checks.ControlPlane {
				continue
			}
			t.Errorf("%s: %s %s: %s", r.Check.ID, f.Object.Kind, f.Object.Name, f.Message)
		}
	}
	if len(snapshot.Workloads) == 0 {
		t.Error("no Deployment was created, though a webhook sees deployments/*")
	}
}
