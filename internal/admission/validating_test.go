package admission

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
)

// podRules is pods as an item of resourceRules.
var podRules = pods[1 : len(pods)-1]

func validatingConfig(t testing.TB) Config {
	var c Config
	mustRead(t, `
- metadata: {name: guard}
  webhooks:
  - {name: everywhere.example, rules: `+pods+`}
  - {name: team-a.example, rules: `+pods+`, namespaceSelector: {matchLabels: {team: a}}}
  - {name: batch.example, rules: `+pods+`, objectSelector: {matchLabels: {tier: batch}}}
  - {name: updates.example, rules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [pods]}], namespaceSelector: {matchLabels: {team: b}}}
  - {name: configmaps.example, rules: [{apiGroups: [""], apiVersions: [v1], operations: ["*"], resources: [configmaps]}], matchConditions: [{name: c, expression: "request.namespace == 'b'"}]}
`, &c.ValidatingWebhooks)
	mustRead(t, `
- {metadata: {name: unbound}, spec: {matchConstraints: {resourceRules: [`+podRules+`]}}}
- {metadata: {name: warns}, spec: {matchConstraints: {namespaceSelector: {matchLabels: {team: b}}, resourceRules: [`+podRules+`]}}}
- {metadata: {name: denies-b}, spec: {matchConstraints: {resourceRules: [`+podRules+`]}}}
- metadata: {name: condition}
  spec:
    matchConstraints: {resourceRules: [`+podRules+`]}
    matchConditions: [{name: c, expression: "has(namespaceObject.metadata.labels.team) && namespaceObject.metadata.labels.team == 'c'"}]
- {metadata: {name: deployments}, spec: {matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: ["*"], resources: [deployments]}]}}}
- metadata: {name: by-name}
  spec:
    matchConstraints: {namespaceSelector: {matchLabels: {team: d}}, resourceRules: [`+podRules+`]}
    validations: [{expression: "request.namespace != 'd-2'"}]
- metadata: {name: own-parameters}
  spec: {paramKind: {apiVersion: v1, kind: ConfigMap}, matchConstraints: {namespaceSelector: {matchLabels: {team: e}}, resourceRules: [`+podRules+`]}}
- metadata: {name: one-parameter}
  spec: {paramKind: {apiVersion: v1, kind: ConfigMap}, matchConstraints: {namespaceSelector: {matchLabels: {team: e}}, resourceRules: [`+podRules+`]}}
`, &c.ValidatingPolicies)
	mustRead(t, `
- {metadata: {name: b1}, spec: {policyName: warns, validationActions: [Warn, Audit]}}
- {metadata: {name: b2}, spec: {policyName: denies-b, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {team: b}}}}}
- {metadata: {name: b3}, spec: {policyName: condition, validationActions: [Audit, Deny]}}
- {metadata: {name: b4}, spec: {policyName: deployments, validationActions: [Deny]}}
- {metadata: {name: b5}, spec: {policyName: by-name, validationActions: [Deny]}}
- {metadata: {name: b6}, spec: {policyName: own-parameters, validationActions: [Deny], paramRef: {name: limits, parameterNotFoundAction: Allow}}}
- {metadata: {name: b7}, spec: {policyName: one-parameter, validationActions: [Deny], paramRef: {name: limits, namespace: kube-system, parameterNotFoundAction: Allow}}}
`, &c.ValidatingBindings)
	return c
}

// TestValidating: what validates the creation of pods, and refuses it, tells namespaces apart; nothing else does.
func TestValidating(t *testing.T) {
	chain := NewChain(validatingConfig(t))
	namespaces := []corev1.Namespace{
		namespaceOf("a", "team", "a"), namespaceOf("b", "team", "b"), namespaceOf("c", "team", "c"), namespaceOf("d-1", "team", "d"), namespaceOf("d-2", "team", "d"),
		namespaceOf("e-1", "team", "e"), namespaceOf("e-2", "team", "e"), namespaceOf("z"),
	}
	var got []string
	for _, class := range chain.Classes(namespaces, podOf()) {
		line := ""
		for _, ns := range class.Namespaces {
			line += ns.Name + " "
		}
		for _, call := range class.Validating {
			line += " " + call.Name()
			if call.Apart != "" {
				line += " (" + call.Apart + ")"
			}
		}
		got = append(got, line)
	}
	want := []string{
		"d-1 d-2  by-name (its validations ask for the namespace) guard/everywhere.example",
		"e-1 e-2  one-parameter own-parameters (its parameters (ConfigMap) may be others in each namespace) guard/everywhere.example",
		"a  guard/everywhere.example guard/team-a.example",
		"b  denies-b guard/everywhere.example",
		"c  condition guard/everywhere.example",
		"z  guard/everywhere.example",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if asked := chain.Validators().Names(); !cmp.Equal(asked, []string{"by-name", "condition", "denies-b", "one-parameter", "own-parameters", "guard/everywhere.example", "guard/team-a.example", "guard/batch.example"}) {
		t.Errorf("asked about pods: %v", asked)
	}
	if pod, _, ok := chain.Validators().Attract("guard/batch.example", &namespaces[0]); !ok || pod.Labels["tier"] != "batch" {
		t.Errorf("a pod for an objectSelector: %v", pod)
	}
	if chain.MayMatch(PodUpdate) || !chain.Empty() || len(chain.Names()) > 0 {
		t.Error("who validates is taken for one who changes pods")
	}
}

// TestValidatingShapes: the same template is tried in each kind of namespace that those who validate tell apart.
func TestValidatingShapes(t *testing.T) {
	chain := NewChain(validatingConfig(t))
	a, b := namespaceOf("a", "team", "a"), namespaceOf("b", "team", "b")
	var templates []Template
	for _, ns := range []string{"a", "b"} {
		templates = append(templates, Template{Object: "Deployment " + ns + "/web", Namespace: ns, Spec: &corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:1"}}}})
	}
	if shapes := chain.Shapes(templates, []*corev1.Namespace{&a, &b}); len(shapes) != 2 {
		t.Errorf("%d shapes", len(shapes))
	}
	if shapes := NewChain(Config{}).Shapes(templates, []*corev1.Namespace{&a, &b}); len(shapes) != 1 {
		t.Errorf("without them: %d shapes", len(shapes))
	}
}

// TestPolicyOfOurs: the policy that comes with the manifests is about nobody who creates pods, and is known by its condition.
func TestPolicyOfOurs(t *testing.T) {
	text, err := os.ReadFile("../../deploy/base/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var policy admissionregistrationv1.ValidatingAdmissionPolicy
	var binding admissionregistrationv1.ValidatingAdmissionPolicyBinding
	first, second, _ := strings.Cut(string(text), "\n---\n")
	mustRead(t, first, &policy)
	mustRead(t, second, &binding)
	config := Config{
		ValidatingPolicies: []admissionregistrationv1.ValidatingAdmissionPolicy{policy}, ValidatingBindings: []admissionregistrationv1.ValidatingAdmissionPolicyBinding{binding},
	}
	if known := NewChain(config).Validators().Names(); len(known) > 0 {
		t.Errorf("it is taken for a policy on pods: %v", known)
	}
	config.ValidatingPolicies[0].Spec.MatchConditions = nil
	if known := NewChain(config).Validators().Names(); len(known) != 1 {
		t.Errorf("without its condition: %v", known)
	}
}

// TestManyValidatorsAreFast: 30 validating configurations that have nothing to do with pods tell no namespaces apart, and
// those that have are asked once for each kind of namespace.
func TestManyValidatorsAreFast(t *testing.T) {
	mutating, namespaces := manyNamespaces(t, "")
	for name, c := range map[string]struct {
		resources string
		want      int
	}{"pods": {"pods", 5}, "not pods": {"configmaps", 1}} {
		var config Config
		for i := range mutating.Webhooks {
			var list []admissionregistrationv1.ValidatingWebhookConfiguration
			mustRead(t, fmt.Sprintf(`[{metadata: {name: guard-%02d}, webhooks: [{name: w.example, rules: %s, namespaceSelector: {matchLabels: {tier: "%d"}}}]}]`,
				i, strings.Replace(pods, "pods", c.resources, 1), i%4), &list)
			config.ValidatingWebhooks = append(config.ValidatingWebhooks, list...)
		}
		start := time.Now()
		classes := NewChain(config).Classes(namespaces, podOf())
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: took %v", name, took)
		}
		if len(classes) != c.want {
			t.Errorf("%s: %d classes, want %d", name, len(classes), c.want)
		}
	}
}
