package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// TestReferences: whoever means the sidecar by its name or by that of a port is named; who means another, or looks
// elsewhere, is not.
func TestReferences(t *testing.T) {
	parse := func(text string) []workload.Document {
		t.Helper()
		out, err := workload.Parse("m", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	p := New("")
	for _, w := range parse("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {template: {metadata: {labels: {app: web}, annotations: {kubectl.kubernetes.io/default-container: db}}, spec: {containers: [{name: work, image: w, env: [{name: PGHOST, value: localhost}]}, {name: db, image: x/cloud-sql-proxy:2, args: [--port=5432], ports: [{name: metrics, containerPort: 9090}]}]}}}")[0].Workloads {
		if len(p.Needs()) > 0 {
			t.Error("nothing was found, and something is needed")
		}
		p.Add(w, &metav1.ObjectMeta{})
	}
	if diff := cmp.Diff([]Need{Autoscalers, Ports}, p.Needs()); diff != "" {
		t.Error(diff)
	}
	for _, d := range parse(`{kind: HorizontalPodAutoscaler, metadata: {name: a, namespace: shop}, spec: {scaleTargetRef: {kind: Deployment, name: web}, metrics: [{type: Resource}, {containerResource: {container: work}}, {containerResource: {container: db}}]}}
---
{kind: HorizontalPodAutoscaler, metadata: {name: other, namespace: shop}, spec: {scaleTargetRef: {kind: Deployment, name: x}, metrics: [{containerResource: {container: db}}]}}
---
{kind: HorizontalPodAutoscaler, metadata: {name: elsewhere, namespace: x}, spec: {scaleTargetRef: {kind: Deployment, name: web}, metrics: [{containerResource: {container: db}}]}}
---
{kind: VerticalPodAutoscaler, metadata: {name: b, namespace: shop}, spec: {targetRef: {kind: Deployment, name: web}, resourcePolicy: {containerPolicies: [{containerName: "*"}, {containerName: db}]}}}
---
{kind: Service, metadata: {name: c, namespace: shop}, spec: {selector: {app: web}, ports: [{port: 80, targetPort: 80}, {port: 1, targetPort: metrics}]}}
---
{kind: Service, metadata: {name: external, namespace: shop}, spec: {ports: [{port: 1, targetPort: metrics}]}}
---
{kind: PodMonitor, metadata: {name: d, namespace: monitoring}, spec: {namespaceSelector: {matchNames: [shop]}, selector: {matchExpressions: [{key: app, operator: Exists}]}, podMetricsEndpoints: [{port: metrics}]}}
---
{kind: PodMonitor, metadata: {name: own-namespace, namespace: monitoring}, spec: {selector: {}, podMetricsEndpoints: [{port: metrics}]}}
---
{kind: ServiceMonitor, metadata: {name: e, namespace: monitoring}, spec: {namespaceSelector: {any: true}, selector: {}, endpoints: [{port: x}, {targetPort: metrics}]}}
`) {
		p.Refer(d.Object)
	}
	got := p.Finish(clusterOf("a v1.33.0"), nil).Rows[0].References
	want := []Reference{
		{Kind: DefaultContainer, Container: "db"},
		{Kind: ScalesBy, Container: "db", Object: "HorizontalPodAutoscaler a"},
		{Kind: ScalesBy, Container: "db", Object: "VerticalPodAutoscaler b"},
		{Kind: NamesPort, Container: "db", Object: "Service c", Port: "metrics"},
		{Kind: ScrapesPort, Container: "db", Object: "PodMonitor d", Port: "metrics"},
		{Kind: ScrapesPort, Container: "db", Object: "ServiceMonitor e", Port: "metrics"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
