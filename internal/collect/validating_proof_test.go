package collect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

const (
	noSidecars  = "!has(object.spec.initContainers) || object.spec.initContainers.all(c, !has(c.restartPolicy))"
	anySidecars = "has(object.spec.initContainers) && object.spec.initContainers.exists(c, has(c.restartPolicy))"
)

func inNamespace(name string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: name}}
}

var podCreations = admissionregistrationv1.RuleWithOperations{
	Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
	Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
}

// A validating is a ValidatingAdmissionPolicy for the namespace of its name, or one that is made another way.
type validating struct {
	name       string
	expression string
	actions    []admissionregistrationv1.ValidationAction // Deny
	// constraints and bound select, as matchConstraints and matchResources of the binding.
	constraints, bound admissionregistrationv1.MatchResources
	conditions         []admissionregistrationv1.MatchCondition
	params             *admissionregistrationv1.ParamRef
	// rule is what it is asked about: the creation of pods, unless said.
	rule admissionregistrationv1.RuleWithOperations
}

func (v validating) install(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	client := c.Client().AdmissionregistrationV1()
	if v.rule.Operations == nil {
		v.rule = podCreations
	}
	v.constraints.ResourceRules = []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: v.rule}}
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: v.name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &v.constraints, MatchConditions: v.conditions,
			Validations: []admissionregistrationv1.Validation{{Expression: v.expression, Message: v.name + " says no"}},
		},
	}
	if v.params != nil {
		policy.Spec.ParamKind = &admissionregistrationv1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"}
	}
	if v.actions == nil {
		v.actions = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}
	}
	_, err := client.ValidatingAdmissionPolicies().Create(t.Context(), policy, metav1.CreateOptions{})
	check(t, err)
	_, err = client.ValidatingAdmissionPolicyBindings().Create(t.Context(), &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: v.name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: v.name, ValidationActions: v.actions, MatchResources: &v.bound, ParamRef: v.params,
		},
	}, metav1.CreateOptions{})
	check(t, err)
}

// validatingWebhook installs one that denies pods with native sidecars.
func validatingWebhook(t *testing.T, c *cluster.Cluster, server *cluster.WebhookServer, name string, namespaces, objects *metav1.LabelSelector, conditions ...admissionregistrationv1.MatchCondition) {
	t.Helper()
	denyingWebhook(t, c, name, admissionregistrationv1.ValidatingWebhook{
		ClientConfig: server.Client("/deny"), NamespaceSelector: namespaces, ObjectSelector: objects,
		MatchConditions: append(conditions, admissionregistrationv1.MatchCondition{Name: "sidecars", Expression: anySidecars}),
	}, podCreations)
}

// denyingWebhook installs a webhook that is asked about what one rule has, and nothing is done without its answer.
func denyingWebhook(t *testing.T, c *cluster.Cluster, name string, w admissionregistrationv1.ValidatingWebhook, rule admissionregistrationv1.RuleWithOperations) {
	t.Helper()
	none, fail := admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.Fail
	w.Name, w.Rules = name+".example.com", []admissionregistrationv1.RuleWithOperations{rule}
	w.SideEffects, w.FailurePolicy, w.AdmissionReviewVersions = &none, &fail, []string{"v1"}
	_, err := c.Client().AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(t.Context(), &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks:   []admissionregistrationv1.ValidatingWebhook{w},
	}, metav1.CreateOptions{})
	check(t, err)
}

// awaitRefusal returns once a canary with labels is refused, or is answered with a warning.
func awaitRefusal(t *testing.T, c *cluster.Cluster, namespace string, labels map[string]string) {
	t.Helper()
	pod := admission.Canary(namespace)
	for k, v := range labels {
		pod.Labels[k] = v
	}
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		result := c.Client().CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Param("dryRun", "All").Body(pod).Do(t.Context())
		if result.Error() != nil || len(result.Warnings()) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("pods in namespace %s are admitted", namespace)
		}
	}
}

// refusers makes namespaces in which pods with native sidecars are refused, each in another way. No other namespace, and
// none with less than the way, has anything to do with it.
func refusers(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	batch := map[string]string{"tier": "batch"}
	for _, name := range []string{"aaa", "policy-bound", "policy-selects", "policy-if", "policy-object", "hook-selects", "hook-if", "hook-object", "warned", "nobody", "params-1", "params-2"} {
		makeNamespace(t, c, name)
	}
	labels := map[string]string{"app": "web", "hook": "object"}
	_, err := c.Client().AppsV1().Deployments("hook-object").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web:1"}}}},
		},
	}, metav1.CreateOptions{})
	check(t, err)
	for name, allowed := range map[string]string{"params-1": "yes", "params-2": "no"} {
		_, err := c.Client().CoreV1().ConfigMaps(name).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "limits"}, Data: map[string]string{"sidecars": allowed}}, metav1.CreateOptions{})
		check(t, err)
	}
	allow := admissionregistrationv1.AllowAction
	for _, v := range []validating{
		{name: "policy-bound", expression: noSidecars, bound: admissionregistrationv1.MatchResources{NamespaceSelector: inNamespace("policy-bound")}},
		{name: "policy-selects", expression: noSidecars, constraints: admissionregistrationv1.MatchResources{NamespaceSelector: inNamespace("policy-selects")}},
		{name: "policy-if", expression: noSidecars, conditions: condition("request.namespace == 'policy-if'")},
		{name: "policy-object", expression: noSidecars, constraints: admissionregistrationv1.MatchResources{
			NamespaceSelector: inNamespace("policy-object"), ObjectSelector: &metav1.LabelSelector{MatchLabels: batch},
		}},
		{name: "warned", expression: noSidecars, actions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn, admissionregistrationv1.Audit},
			bound: admissionregistrationv1.MatchResources{NamespaceSelector: inNamespace("warned")}},
		{name: "nobody", expression: "false", bound: admissionregistrationv1.MatchResources{NamespaceSelector: inNamespace("nobody")}},
		{name: "params", expression: "params.data.sidecars == 'yes' || " + noSidecars, params: &admissionregistrationv1.ParamRef{Name: "limits", ParameterNotFoundAction: &allow}},
	} {
		v.install(t, c)
	}
	server, err := c.ServeWebhooks()
	check(t, err)
	validatingWebhook(t, c, server, "hook-selects", inNamespace("hook-selects"), nil)
	validatingWebhook(t, c, server, "hook-if", nil, nil, condition("request.namespace == 'hook-if'")...)
	validatingWebhook(t, c, server, "hook-object", inNamespace("hook-object"), &metav1.LabelSelector{MatchLabels: map[string]string{"hook": "object"}})
	for name, with := range map[string]map[string]string{
		"policy-bound": nil, "policy-selects": nil, "policy-if": nil, "policy-object": batch, "hook-selects": nil, "hook-if": nil, "hook-object": labels,
		"warned": nil, "nobody": nil, "params-2": nil,
	} {
		awaitRefusal(t, c, name, with)
	}
}

// TestProofOfValidating: who refuses pods with native sidecars in one namespace is found there, by whatever it chooses
// its namespaces and pods; who warns is not, who refuses all pods is not about sidecars, and of one whose parameters may
// be others in each namespace nothing is said.
func TestProofOfValidating(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no real API server was started")
	}
	for _, version := range []string{"1.36", "1.32"} {
		t.Run(version, func(t *testing.T) {
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: version}}})
			refusers(t, c)
			snapshot, ledger := run(t, collect.Options{Config: c.Config(), Kinds: []facts.Kind{facts.Canaries, facts.ValidatingWebhooks, facts.ValidatingPolicies}})
			result := resultOf(t, snapshot, "webhook-breaks-canary")
			var found, missing []string
			for _, f := range result.Outcome.Findings {
				found = append(found, fmt.Sprintf("%s %s: %s", f.Object.Kind, f.Object.Name, f.Message))
				if !strings.Contains(strings.Join(f.Evidence, "\n"), "the same pod without a native sidecar was admitted") {
					t.Errorf("%s: %q", f.Object.Name, f.Evidence)
				}
			}
			slices.Sort(found)
			if diff := cmp.Diff([]string{
				"AdmissionPolicy policy-bound: pods with a native sidecar are refused in namespace policy-bound",
				"AdmissionPolicy policy-if: pods with a native sidecar are refused in namespace policy-if",
				"AdmissionPolicy policy-object: pods with a native sidecar are refused in pods with the label tier=batch in namespace policy-object",
				"AdmissionPolicy policy-selects: pods with a native sidecar are refused in namespace policy-selects",
				"AdmissionWebhook hook-if.example.com: pods with a native sidecar are refused in namespace hook-if",
				"AdmissionWebhook hook-object.example.com: pods with a native sidecar are refused in pods like those of Deployment hook-object/web",
				"AdmissionWebhook hook-selects.example.com: pods with a native sidecar are refused in namespace hook-selects",
			}, found); diff != "" {
				t.Error(diff)
			}
			for _, g := range result.Outcome.Missing {
				missing = append(missing, fmt.Sprintf("%s %s: %s", g.Kind, g.Scope, constant(g.Reason)))
			}
			slices.Sort(missing)
			if len(missing) != 2 || !strings.Contains(missing[0], "Policy 'nobody' with binding 'nobody' denied request: nobody says no") || !strings.Contains(missing[1], "its parameters (ConfigMap) may be others in each namespace") {
				t.Errorf("missing: %s", strings.Join(missing, "\n"))
			}
			if n := len(ledger.Requests()); n > 90 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func resultOf(t *testing.T, s *facts.Snapshot, id string) checks.Result {
	t.Helper()
	results := clusterchecks.Judge(s, func(other string) bool { return other != id }).Results
	i := slices.IndexFunc(results, func(r checks.Result) bool { return r.Check.ID == id })
	if i < 0 {
		t.Fatalf("no check %s", id)
	}
	return results[i]
}
