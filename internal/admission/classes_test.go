package admission

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

type classWant struct {
	Namespaces []string
	Webhooks   []string
	Policies   []string
}

func classesOf(classes []Class) []classWant {
	var out []classWant
	for _, c := range classes {
		var w classWant
		for _, ns := range c.Namespaces {
			w.Namespaces = append(w.Namespaces, ns.Name)
		}
		for _, call := range c.Webhooks {
			w.Webhooks = append(w.Webhooks, call.Name())
		}
		for _, call := range c.Policies {
			w.Policies = append(w.Policies, call.Name())
		}
		out = append(out, w)
	}
	return out
}

func TestClasses(t *testing.T) {
	chain := NewChain(Config{Webhooks: webhooksOf(t, `
- metadata: {name: b}
  webhooks:
  - {name: all.example, rules: `+pods+`}
- metadata: {name: a}
  webhooks:
  - {name: labelled.example, rules: `+pods+`, namespaceSelector: {matchLabels: {inject: enabled}}}
  - {name: named.example, rules: `+pods+`, matchConditions: [{name: c, expression: "object.metadata.namespace != 'n3'"}]}
`)})
	unnamed := namespaceOf("n2", "inject", "disabled")
	delete(unnamed.Labels, corev1.LabelMetadataName)
	got := classesOf(chain.Classes([]corev1.Namespace{
		namespaceOf("n4", "inject", "enabled"),
		namespaceOf("n1"),
		unnamed,
		namespaceOf("n3"),
	}, podOf()))
	want := []classWant{
		{Namespaces: []string{"n1", "n2"}, Webhooks: []string{"a/named.example", "b/all.example"}},
		{Namespaces: []string{"n3"}, Webhooks: []string{"b/all.example"}},
		{Namespaces: []string{"n4"}, Webhooks: []string{"a/labelled.example", "a/named.example", "b/all.example"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPolicies(t *testing.T) {
	var c Config
	mustRead(t, `
- metadata: {name: unbound}
- metadata: {name: pods-in-team}
  spec: {matchConstraints: {namespaceSelector: {matchLabels: {team: a}}, resourceRules: [`+pods[1:len(pods)-1]+`]}}
- metadata: {name: not-pods}
  spec: {matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: ["*"], resources: ["*"]}]}}
- metadata: {name: excluded}
  spec: {matchConstraints: {resourceRules: [`+pods[1:len(pods)-1]+`], excludeResourceRules: [`+pods[1:len(pods)-1]+`]}}
- metadata: {name: bound-by-binding}
  spec: {matchConstraints: {resourceRules: [`+pods[1:len(pods)-1]+`]}}
- metadata: {name: parameters}
  spec: {paramKind: {apiVersion: v1, kind: ConfigMap}, matchConstraints: {resourceRules: [`+pods[1:len(pods)-1]+`]}}
- metadata: {name: namespace-object}
  spec:
    matchConstraints: {resourceRules: [`+pods[1:len(pods)-1]+`]}
    matchConditions: [{name: c, expression: "namespaceObject.metadata.labels.team == 'a'"}]
`, &c.Policies)
	mustRead(t, `
- {metadata: {name: b1}, spec: {policyName: pods-in-team}}
- {metadata: {name: b2}, spec: {policyName: not-pods}}
- {metadata: {name: b3}, spec: {policyName: excluded}}
- {metadata: {name: b4}, spec: {policyName: bound-by-binding, matchResources: {namespaceSelector: {matchLabels: {team: b}}}}}
- {metadata: {name: b5}, spec: {policyName: parameters}}
- {metadata: {name: b6}, spec: {policyName: namespace-object}}
`, &c.Bindings)
	chain := NewChain(c)
	got := classesOf(chain.Classes([]corev1.Namespace{namespaceOf("a", "team", "a"), namespaceOf("b", "team", "b")}, podOf()))
	want := []classWant{
		{Namespaces: []string{"a"}, Policies: []string{"namespace-object", "parameters", "pods-in-team"}},
		{Namespaces: []string{"b"}, Policies: []string{"bound-by-binding", "parameters"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func mustRead(t testing.TB, text string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

// manyNamespaces is a cluster of 10,000 namespaces in five classes, with 30 configurations.
func manyNamespaces(t testing.TB, condition string) (Config, []corev1.Namespace) {
	var configs []admissionregistrationv1.MutatingWebhookConfiguration
	for i := range 30 {
		text := fmt.Sprintf(`[{metadata: {name: config-%02d}, webhooks: [{name: w.example, rules: %s, namespaceSelector: {matchLabels: {tier: "%d"}}, matchConditions: [%s]}]}]`, i, pods, i%4, condition)
		configs = append(configs, webhooksOf(t, text)...)
	}
	var namespaces []corev1.Namespace
	for i := range 10_000 {
		namespaces = append(namespaces, namespaceOf(fmt.Sprintf("ns-%05d", i), "tier", fmt.Sprint(i%5), "owner", fmt.Sprint(i)))
	}
	return Config{Webhooks: configs}, namespaces
}

func TestManyNamespacesAreFast(t *testing.T) {
	for name, condition := range map[string]string{
		"labels only":            "",
		"condition by namespace": `{name: c, expression: "request.namespace != 'x'"}`,
	} {
		config, namespaces := manyNamespaces(t, condition)
		start := time.Now()
		classes := NewChain(config).Classes(namespaces, podOf())
		took := time.Since(start)
		t.Logf("%s: %d classes in %v", name, len(classes), took)
		if len(classes) != 5 {
			t.Errorf("%s: %d classes, want 5", name, len(classes))
		}
		// A generous bound for a loaded machine: matching per namespace and webhook takes minutes.
		if took > time.Minute {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func BenchmarkClasses(b *testing.B) {
	config, namespaces := manyNamespaces(b, "")
	chain := NewChain(config)
	for b.Loop() {
		chain.Classes(namespaces, podOf())
	}
}
