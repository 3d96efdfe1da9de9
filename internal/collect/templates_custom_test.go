package collect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// gizmoSchema has a pod template, by its fields.
const gizmoSchema = `{"type":"object","properties":{"spec":{"type":"object","properties":{"template":{"type":"object","properties":{"spec":{"type":"object","properties":{
	"initContainers":{"type":"array","items":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"image":{"type":"string"},"restartPolicy":{"type":"string"}}}},
	"containers":{"type":"array","items":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}}}}}}}`

// makeCRD makes the kind of custom resources with this name, in lower case, in the group example.com; scope is Namespaced
// or Cluster.
func makeCRD(t *testing.T, c *cluster.Cluster, kind, scope, schema string) {
	t.Helper()
	body := fmt.Sprintf(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"%[1]ss.example.com"},
		"spec":{"group":"example.com","scope":%[4]q,"names":{"plural":"%[1]ss","kind":"%[2]s"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":%[3]s}}]}}`,
		kind, strings.ToUpper(kind[:1])+kind[1:], schema, scope)
	rest := c.Client().Discovery().RESTClient()
	check(t, rest.Post().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions").SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(t.Context()).Error())
}

// makeCustom makes the object one of a kind in the group example.com, once that is served.
func makeCustom(t *testing.T, c *cluster.Cluster, path, kind, more string) {
	t.Helper()
	object := fmt.Sprintf(`{"apiVersion":"example.com/v1","kind":%q,"metadata":{"name":"one"},"spec":{"size":1,%s}}`, kind, more)
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := c.Client().Discovery().RESTClient().Post().AbsPath("/apis/example.com/v1/"+path).SetHeader("Content-Type", "application/json").Body([]byte(object)).Do(t.Context()).Error()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// customTemplates are custom resources with pod templates, with and without an object of theirs.
func customTemplates(t *testing.T, c *cluster.Cluster, server *cluster.WebhookServer) {
	const anything = `{"type":"object","properties":{"spec":{"type":"object","required":["size"],"x-kubernetes-preserve-unknown-fields":true,"properties":{"size":{"type":"integer"}}}}}`
	makeCRD(t, c, "gizmo", "Namespaced", gizmoSchema)
	makeCRD(t, c, "blob", "Namespaced", anything)
	for _, kind := range []string{"rule", "stack"} { // settings of software that keep anything, and a template of the whole cluster
		makeCRD(t, c, kind, "Cluster", anything)
	}
	const template = `"template":{"spec":{"containers":[{"name":"web","image":"web:1"}]}}`
	makeCustom(t, c, "namespaces/shop/blobs", "Blob", template)
	makeCustom(t, c, "rules", "Rule", `"value":"Always"`)
	makeCustom(t, c, "stacks", "Stack", template)
	for _, s := range []templateScene{
		{
			name: "by its schema", rules: []admissionregistrationv1.RuleWithOperations{creates("example.com", "gizmos")}, path: "/strip", change: only,
			want:   []string{"fail", "templates of Gizmos in namespace shop lose"},
			fields: []string{"unknown", "newer fields were not tried in gizmos.example.com"},
		},
		{
			name: "by an object", rules: []admissionregistrationv1.RuleWithOperations{creates("example.com", "blobs")}, path: "/strip", change: only,
			want: []string{"fail", "templates of Blobs like that of Blob shop/one lose"},
		},
		{
			name: "left alone", rules: []admissionregistrationv1.RuleWithOperations{creates("example.com", "gizmos", "blobs", "rules")}, path: "/allow",
			want: []string{"pass"},
		},
		{
			name: "of the cluster", rules: []admissionregistrationv1.RuleWithOperations{creates("example.com", "*")}, path: "/allow",
			want: []string{"unknown", "missing stack/workload: a webhook or policy sees stacks.example.com, which are not namespaced and not tried; containers are in Stack one"},
		},
	} {
		t.Run(s.name, func(t *testing.T) {
			snapshot, ledger := s.play(t, c, server)
			expect(t, s.want, told(t, snapshot, templateCheck))
			if s.fields != nil {
				expect(t, s.fields, told(t, snapshot, fieldsCheck))
			}
			onlyDryRuns(t, ledger)
		})
	}
}

// A policy on Deployments, two webhooks of which one strips, and both: the one that did it is named.
func TestWhoStripsTemplates(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: real API servers were not started")
	}
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	server, err := c.ServeWebhooks()
	check(t, err)
	openShop(t, c)
	for name, path := range map[string]string{"a-first": "/annotate", "b-second": "/strip", "c-third": "/annotate"} {
		w := cluster.Webhook{Configuration: name, Client: server.Client(path), Rules: []admissionregistrationv1.RuleWithOperations{creates("apps", "deployments")}}
		only(&w)
		if _, err := c.InstallWebhook(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	snapshot, _ := run(t, collect.Options{Config: c.Config(), Timeout: 3 * time.Minute, RequestTimeout: time.Minute})
	expect(t, []string{"fail", "MutatingWebhook b-second/b-second.example.com: templates of Deployments in namespace shop lose"}, told(t, snapshot, templateCheck))
	for _, name := range []string{"a-first", "b-second", "c-third"} {
		check(t, c.RemoveWebhook(t.Context(), name))
	}
	templatePolicy(t, c)
	snapshot, _ = run(t, collect.Options{Config: c.Config(), Timeout: 3 * time.Minute, RequestTimeout: time.Minute})
	expect(t, []string{"fail", "MutatingAdmissionPolicy tidy: templates of Deployments in 5 namespaces"}, told(t, snapshot, templateCheck))
}

// templatePolicy strips the templates of Deployments; it returns when it does.
func templatePolicy(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx := t.Context()
	tidyPolicy(t, c, creates("apps", "deployments"), `
		[0, 1, 2, 3].filter(i, i < size(object.spec.template.spec.?initContainers.orValue([])) && has(object.spec.template.spec.initContainers[i].restartPolicy))
		.map(i, JSONPatch{op: "remove", path: "/spec/template/spec/initContainers/" + string(i) + "/restartPolicy"})`)
	for deadline := time.Now().Add(10 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		old, err := c.Client().AppsV1().Deployments("shop").Get(ctx, "web", metav1.GetOptions{})
		check(t, err)
		old.ObjectMeta = metav1.ObjectMeta{Name: "other", Namespace: "shop"}
		got, err := c.Client().AppsV1().Deployments("shop").Create(ctx, old, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && got.Spec.Template.Spec.InitContainers[0].RestartPolicy == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the policy has no effect: %v", err)
		}
	}
}

// tidyPolicy creates a policy that changes what meets a rule by a JSON patch, and binds it. It may take a while to act.
func tidyPolicy(t *testing.T, c *cluster.Cluster, rule admissionregistrationv1.RuleWithOperations, patch string) {
	t.Helper()
	ctx, client := t.Context(), c.Client().AdmissionregistrationV1()
	_, err := client.MutatingAdmissionPolicies().Create(ctx, &admissionregistrationv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "tidy"},
		Spec: admissionregistrationv1.MutatingAdmissionPolicySpec{
			ReinvocationPolicy: admissionregistrationv1.NeverReinvocationPolicy,
			MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{
				{RuleWithOperations: rule},
			}},
			Mutations: []admissionregistrationv1.Mutation{{
				PatchType: admissionregistrationv1.PatchTypeJSONPatch, JSONPatch: &admissionregistrationv1.JSONPatch{Expression: patch},
			}},
		},
	}, metav1.CreateOptions{})
	check(t, err)
	_, err = client.MutatingAdmissionPolicyBindings().Create(ctx, &admissionregistrationv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "tidy"}, Spec: admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: "tidy"},
	}, metav1.CreateOptions{})
	check(t, err)
}
