package facts

import (
	"reflect"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"
)

func TestMatchesPods(t *testing.T) {
	const pods = `{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}`
	for _, test := range []struct {
		name, constraints string
		want              bool
	}{
		{"pods", `{resourceRules: [` + pods + `]}`, true},
		{"everything", `{resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*"], scope: "*"}]}`, true},
		{"everything and all subresources", `{resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*/*"], scope: Namespaced}]}`, true},
		{"pods of some names", `{resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods], resourceNames: [a]}]}`, true},
		{"behind another rule", `{resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}, ` + pods + `]}`, true},
		{"updates", `{resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [pods]}]}`, false},
		{"pods and all subresources", `{resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: ["pods/*"]}]}`, true},
		{"a subresource", `{resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: ["pods/binding"]}]}`, false},
		{"another group", `{resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}`, false},
		{"cluster scope", `{resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods], scope: Cluster}]}`, false},
		{"excluded", `{resourceRules: [` + pods + `], excludeResourceRules: [` + pods + `]}`, false},
		{"some excluded", `{resourceRules: [` + pods + `], excludeResourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods], resourceNames: [a]}]}`, true},
		{"no rules", `{}`, false},
	} {
		var m admissionregistrationv1.MatchResources
		if err := yaml.UnmarshalStrict([]byte(test.constraints), &m); err != nil {
			t.Fatal(err)
		}
		if got := matchesPods(&m); got != test.want {
			t.Errorf("%s: got %t", test.name, got)
		}
	}
	if matchesPods(nil) {
		t.Error("no constraints match pods")
	}
}

func TestRedactURL(t *testing.T) {
	for url, want := range map[string]string{
		"https://10.0.0.1:6443/x": "https://10.0.0.1:6443/x", "https://a:b@c/d?e=f&e=g#h": "https://REDACTED@c/d?e=REDACTED&e=REDACTED",
		"https://c/hook/4f9a8c7d6e5b4a39?x": "https://c/hook/REDACTED?x=REDACTED", "https://c/mutate-core-v1-pod": "https://c/mutate-core-v1-pod",
		"https://c/%zz": "(a URL that cannot be read)", "": "",
	} {
		if got := RedactURL(url); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}

// TestValidatingKept: of those who can only refuse pods the same is kept as of those who change them, and a binding that
// only warns is told from one that denies.
func TestValidatingKept(t *testing.T) {
	var config admissionregistrationv1.ValidatingWebhookConfiguration
	if err := yaml.UnmarshalStrict([]byte(`
metadata: {name: guard, annotations: {note: secret, kubectl-sidecar.dev/ignore: "webhook-breaks-canary reason=r until=2027-01-31"}}
webhooks:
- name: guard.example.com
  clientConfig: {caBundle: c2VjcmV0, url: "https://user:pass@hooks.example/guard?key=1"}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  namespaceSelector: {matchLabels: {team: a}}
  matchConditions: [{name: c, expression: "request.namespace != 'x'"}]
  sideEffects: None
  admissionReviewVersions: [v1]
`), &config); err != nil {
		t.Fatal(err)
	}
	kept := TrimValidatingWebhooks(&config)
	w := kept.Webhooks[0]
	if w.ClientConfig.CABundle != nil || *w.ClientConfig.URL != "https://REDACTED@hooks.example/guard?key=REDACTED" {
		t.Errorf("kept: %v", w.ClientConfig)
	}
	if len(kept.Annotations) != 1 || len(w.Rules) != 1 || w.NamespaceSelector == nil || len(w.MatchConditions) != 1 {
		t.Errorf("kept: %v", kept)
	}
	var policies []admissionregistrationv1.ValidatingAdmissionPolicy
	var bindings []admissionregistrationv1.ValidatingAdmissionPolicyBinding
	for text, into := range map[string]any{
		`[{metadata: {name: b}}, {metadata: {name: a}, spec: {matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}}}]`: &policies,
		`[{metadata: {name: strict}, spec: {policyName: a, validationActions: [Deny, Audit]}}, {metadata: {name: mild}, spec: {policyName: a, validationActions: [Warn, Audit]}}]`:   &bindings,
	} {
		if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	want := []ValidatingPolicy{{Name: "a", Bindings: []string{"strict"}, Advising: []string{"mild"}, MatchesPods: true}, {Name: "b"}}
	if got := ValidatingPoliciesOf(policies, bindings); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
