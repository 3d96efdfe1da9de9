package collect

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	podtemplate "github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// TestGivenWorkloads: the pods of what was given are tried, by their own labels, and no workload of the cluster is read.
func TestGivenWorkloads(t *testing.T) {
	f := newFakeAPI(t)
	named := func(name string) map[string]any { return map[string]any{"metadata": map[string]any{"name": name}} }
	f.handlers["GET /api/v1/namespaces"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"items": []any{named("shop"), named("other")}})
	}
	f.handlers["GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"] = func(w http.ResponseWriter, _ *http.Request) {
		hook := map[string]any{
			"name": "strip.example.com", "sideEffects": "None", "admissionReviewVersions": []any{"v1"}, "failurePolicy": "Fail",
			"clientConfig":   map[string]any{"service": map[string]any{"name": "strip", "namespace": "hooks"}},
			"objectSelector": map[string]any{"matchLabels": map[string]any{"strip": "yes"}}, "namespaceSelector": map[string]any{},
			"rules": []any{map[string]any{"operations": []any{"CREATE"}, "apiGroups": []any{""}, "apiVersions": []any{"v1"}, "resources": []any{"pods"}}},
		}
		reply(w, 200, map[string]any{"items": []any{map[string]any{"metadata": map[string]any{"name": "hooks"}, "webhooks": []any{hook}}}})
	}
	f.handlers["GET /api/v1/serviceaccounts"] = func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]any{"items": []any{}}) }
	f.handlers["POST /api/v1/namespaces/shop/pods"] = func(w http.ResponseWriter, r *http.Request) {
		var pod corev1.Pod
		if err := json.NewDecoder(r.Body).Decode(&pod); err != nil || r.URL.Query().Get("dryRun") != "All" {
			t.Errorf("%v, %s", err, r.URL)
		}
		if pod.Labels["strip"] == "yes" {
			for i := range pod.Spec.InitContainers {
				pod.Spec.InitContainers[i].RestartPolicy = nil
			}
		}
		reply(w, 201, pod)
	}
	documents, err := podtemplate.Parse("a.yaml", []byte(`apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 2, template: {metadata: {labels: {strip: "yes"}}, spec: {initContainers: [{name: proxy, image: a, restartPolicy: Always}], containers: [{name: a, image: a, ports: [{containerPort: 80}]}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: calm, namespace: shop}
spec: {template: {metadata: {labels: {a: b}}, spec: {initContainers: [{name: proxy, image: a, restartPolicy: Always}], containers: [{name: a, image: a}]}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	o := f.options(facts.Namespaces, facts.MutatingWebhooks, facts.Canaries)
	o.Workloads = []*podtemplate.Workload{documents[0].Workloads[0], documents[1].Workloads[0]}
	s, ledger, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, class := range s.Classes {
		for i := range s.Canaries {
			if c := &s.Canaries[i]; class.Shape != nil && c.Class == class.ID && !c.Control {
				for _, name := range class.Shape.Examples {
					got[name] = "keeps"
					if len(c.Changes()) > 0 {
						got[name] = "loses"
					}
				}
			}
		}
	}
	if diff := cmp.Diff(map[string]string{"Deployment shop/web": "loses", "Deployment shop/calm": "keeps"}, got); diff != "" {
		t.Errorf("%s\n%+v", diff, s.Gaps)
	}
	for _, r := range ledger.Requests() {
		if strings.HasPrefix(r.URL, "/apis/apps/v1/deployments") || strings.HasPrefix(r.URL, "/api/v1/namespaces/other/") {
			t.Errorf("%s %s", r.Method, r.URL)
		}
	}
}
