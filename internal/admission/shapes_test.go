package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestShapes(t *testing.T) {
	chain := NewChain(Config{Webhooks: webhooksOf(t, `
- metadata: {name: a}
  webhooks:
  - {name: web.example, rules: `+pods+`, objectSelector: {matchLabels: {app: web}}}
`)})
	one, two := namespaceOf("one"), namespaceOf("two")
	role := map[string]string{"role": "x"}
	got := chain.Shapes([]Template{
		{Object: "Deployment one/web", Namespace: "one", Labels: map[string]string{"app": "web"}},
		{Object: "Deployment two/db", Namespace: "two", Labels: map[string]string{"app": "db"}},
		{Object: "Deployment two/cache", Namespace: "two", Labels: map[string]string{"app": "cache"}},
		{Object: "Deployment one/noted", Namespace: "one", Labels: map[string]string{"app": "db"}, Annotations: map[string]string{"a": "1"}},
		{Object: "ServiceAccount one/uploader", Namespace: "one", Account: "uploader", Bare: true, AccountAnnotations: role},
		{Object: "Deployment two/upload", Namespace: "two", Labels: map[string]string{"app": "db"}, Account: "uploader", AccountAnnotations: role},
		{Object: "Deployment one/plain", Namespace: "one"},
		{Object: "Deployment gone/db", Namespace: "gone", Labels: map[string]string{"app": "db"}},
	}, []*corev1.Namespace{&one, &two})
	var lines [][]string
	for _, s := range got {
		line := []string{}
		for _, t := range s.Templates {
			line = append(line, t.Object)
		}
		for _, c := range s.Webhooks {
			line = append(line, "-> "+c.Name())
		}
		lines = append(lines, line)
	}
	want := [][]string{
		{"Deployment two/cache", "Deployment two/db"},
		{"Deployment one/noted"},
		{"Deployment one/web", "-> a/web.example"},
		{"Deployment two/upload"},
		{"ServiceAccount one/uploader"},
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	pod := got[4].Templates[0].Canary()
	if pod.Spec.ServiceAccountName != "uploader" || pod.Namespace != "one" || len(pod.Labels) != 1 {
		t.Errorf("the canary of a service account: %s %s %v", pod.Namespace, pod.Spec.ServiceAccountName, pod.Labels)
	}
}
