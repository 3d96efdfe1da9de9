package collect_test

import (
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// serveBehindService serves webhooks on this machine, behind a Service.
func serveBehindService(t *testing.T, c *cluster.Cluster, namespace, name, image string) func(path string) admissionregistrationv1.WebhookClientConfig {
	t.Helper()
	server, err := c.ServeWebhooksBehind(t.Context(), namespace, name, image)
	check(t, err)
	return server.Client
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func makeNamespace(t *testing.T, c *cluster.Cluster, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := c.Client().CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		check(t, err)
	}
}

// user is a client configuration for somebody with these rules in the whole cluster.
func user(t *testing.T, c *cluster.Cluster, name string, rules ...rbacv1.PolicyRule) *rest.Config {
	t.Helper()
	rbac := c.Client().RbacV1()
	_, err := rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{})
	check(t, err)
	_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: name}},
	}, metav1.CreateOptions{})
	check(t, err)
	config := rest.CopyConfig(c.Config())
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: []string{"system:authenticated"}}
	return config
}

// rulesOf are the rights that Run asks for, as a role, without those that are named.
func rulesOf(without ...string) []rbacv1.PolicyRule { return rulesFor(admissionKinds, without...) }

func rulesFor(kinds []facts.Kind, without ...string) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	for _, r := range collect.Rules(kinds) {
		if !strings.Contains(" "+strings.Join(without, " ")+" ", " "+strings.Join(r.Resources, "")+" ") {
			out = append(out, r.PolicyRule)
		}
	}
	return out
}

var admissionKinds = []facts.Kind{facts.Canaries, facts.ValidatingWebhooks, facts.ValidatingPolicies, facts.WebhookBackends, facts.CRDs}

// TestAttribution: who did it, with fewer and fewer rights.
func TestAttribution(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	makeNamespace(t, c, "hooks", "shop", "closed", "policed", "uploads")
	_, err := c.Client().CoreV1().ServiceAccounts("uploads").Create(t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Name: "uploader", Annotations: map[string]string{"example.com/role": "arn"}},
	}, metav1.CreateOptions{})
	check(t, err)
	at := serveBehindService(t, c, "hooks", "azure-wi-webhook-webhook-service", "registry.example/azure/workload-identity/webhook:v1.2.2")
	in := func(namespace string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}
	}
	skip := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "skip-strip", Operator: metav1.LabelSelectorOpDoesNotExist}}}
	for _, w := range []cluster.Webhook{
		{Configuration: "a-annotate", Client: at("/annotate"), NamespaceSelector: in("shop")},
		{Configuration: "b-strip", Client: at("/strip"), NamespaceSelector: in("shop"), ObjectSelector: skip},
		{Configuration: "c-annotate", Client: at("/annotate"), NamespaceSelector: in("shop")},
		{Configuration: "f-annotate", Client: at("/annotate"), NamespaceSelector: in("uploads")},
		{Configuration: "g-strip", Client: at("/strip/service-accounts/uploader"), NamespaceSelector: in("uploads"), ObjectSelector: skip},
		{Configuration: "d-gone", NamespaceSelector: in("closed"), FailurePolicy: admissionregistrationv1.Ignore,
			Client: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "hooks", Name: "gone"}}},
	} {
		_, err := c.InstallWebhook(t.Context(), w)
		check(t, err)
	}
	removePolicy(t, c, "policed")
	pruningCRD(t, c)
	for _, test := range []struct {
		name, shows string
		config      *rest.Config
	}{
		{"all-rights", "who changed the canaries, for a user who is allowed to call webhooks: each is asked", user(t, c, "all-rights", rulesOf()...)},
		{"no-proxy", "the same for a user who is not allowed to call webhooks: they are told apart by labels", user(t, c, "no-proxy", rulesOf("services/proxy")...)},
		{"only-view", "the same for a user who is not allowed to create pods: every class is unknown", user(t, c, "only-view", rulesOf("services/proxy", "pods", "podtemplates")...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			snapshot, _ := run(t, collect.Options{Config: test.config, Kinds: admissionKinds})
			golden(t, "attribution-"+test.name, test.shows, append(digest(snapshot), gapsOf(snapshot)...))
		})
	}
	t.Run("limited", func(t *testing.T) {
		snapshot, _ := run(t, collect.Options{Config: c.Config(), Kinds: admissionKinds, Namespace: "closed"})
		golden(t, "attribution-limited", "an administrator who asks about the namespace closed only: the one webhook there cannot be called, so it is not known what it does", append(append(digest(snapshot), gapsOf(snapshot)...), snapshot.Limits...))
	})
}

func gapsOf(s *facts.Snapshot) []string {
	var out []string
	for _, g := range s.Gaps {
		out = append(out, string(g.Kind)+" "+g.Scope+": "+g.Reason+" -> "+g.Remedy)
	}
	return out
}

// removePolicy makes a MutatingAdmissionPolicy that takes the field from pods of a namespace, and waits
// until it does.
func removePolicy(t *testing.T, c *cluster.Cluster, namespace string) {
	t.Helper()
	ctx, client := t.Context(), c.Client().AdmissionregistrationV1()
	_, err := client.MutatingAdmissionPolicies().Create(ctx, &admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "no-sidecars"},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
			ReinvocationPolicy: admissionregistrationv1.NeverReinvocationPolicy,
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}}},
			},
			Mutations: []admissionregistrationv1.Mutation{{
				PatchType: admissionregistrationv1.PatchTypeJSONPatch,
				JSONPatch: &admissionregistrationv1.JSONPatch{Expression: `
					has(object.spec.initContainers) && size(object.spec.initContainers) == 2 && has(object.spec.initContainers[1].restartPolicy)
					? [JSONPatch{op: "remove", path: "/spec/initContainers/1/restartPolicy"}] : []`},
			}},
		},
	}, metav1.CreateOptions{})
	check(t, err)
	_, err = client.MutatingAdmissionPolicyBindings().Create(ctx, &admissionregistrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "no-sidecars"},
		Spec:       admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: "no-sidecars"},
	}, metav1.CreateOptions{})
	check(t, err)
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		got, err := c.Client().CoreV1().Pods(namespace).Create(ctx, admission.Canary(namespace), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && got.Spec.InitContainers[1].RestartPolicy == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the policy has no effect: %v", err)
		}
	}
}

// pruningCRD makes a CRD that embeds a pod template deeply, one version of which lacks the field.
func pruningCRD(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	container := func(fields string) string {
		return `{"type":"object","properties":{"groups":{"type":"array","items":{"type":"object","properties":{"template":{"type":"object","additionalProperties":
			{"type":"object","properties":{"initContainers":{"type":"array","items":{"type":"object","properties":{"image":{"type":"string"}` + fields + `}}}}}}}}}}}`
	}
	body := `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"gadgets.example.com"},
		"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"gadgets","kind":"Gadget"},"versions":[
		{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":` + container(``) + `}},
		{"name":"v2","served":true,"storage":false,"schema":{"openAPIV3Schema":` + container(`,"restartPolicy":{"type":"string"}`) + `}}]}}`
	err := c.Client().Discovery().RESTClient().Post().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions").
		SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(t.Context()).Error()
	check(t, err)
}
