package admission

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiserveradmission "k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/webhook"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"
)

func namespaceOf(name string, labels ...string) corev1.Namespace {
	ns := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}}}
	for i := 0; i+1 < len(labels); i += 2 {
		ns.Labels[labels[i]] = labels[i+1]
	}
	return ns
}

func podOf(labels ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "p-", Labels: map[string]string{}}}
	for i := 0; i+1 < len(labels); i += 2 {
		pod.Labels[labels[i]] = labels[i+1]
	}
	return pod
}

// webhooksOf reads one webhook per document "name: {fields}" below a configuration.
func webhooksOf(t testing.TB, text string) []admissionregistrationv1.MutatingWebhookConfiguration {
	t.Helper()
	var configs []admissionregistrationv1.MutatingWebhookConfiguration
	if err := yaml.UnmarshalStrict([]byte(text), &configs); err != nil {
		t.Fatal(err)
	}
	return configs
}

const pods = `[{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]`

var chainYAML = `
- metadata: {name: zz-last}
  webhooks:
  - {name: everywhere.example, rules: ` + pods + `}
- metadata: {name: aa-first}
  webhooks:
  - {name: b-is-first-in-the-list.example, rules: ` + pods + `}
  - {name: a-is-second.example, rules: ` + pods + `}
- metadata: {name: rules}
  webhooks:
  - {name: star.example, rules: [{apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*"]}]}
  - {name: star-star.example, rules: [{apiGroups: [""], apiVersions: [v1], operations: ["*"], resources: ["*/*"]}]}
  - {name: pods-star.example, rules: [{apiGroups: [""], apiVersions: [v1], operations: ["*"], resources: ["pods/*"]}]}
  - {name: subresource.example, rules: [{apiGroups: [""], apiVersions: [v1], operations: ["*"], resources: ["pods/status"]}]}
  - {name: update.example, rules: [{apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [pods]}]}
  - {name: deployments.example, rules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}]}
  - {name: cluster.example, rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods], scope: Cluster}]}
  - {name: namespaced.example, rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods], scope: Namespaced}]}
  - {name: none.example}
- metadata: {name: selectors}
  webhooks:
  - {name: label.example, rules: ` + pods + `, namespaceSelector: {matchLabels: {inject: enabled}}}
  - {name: not-system.example, rules: ` + pods + `, namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}]}}
  - {name: absent.example, rules: ` + pods + `, namespaceSelector: {matchExpressions: [{key: skip, operator: DoesNotExist}]}}
  - {name: object.example, rules: ` + pods + `, objectSelector: {matchLabels: {app: web}}}
  - {name: not-object.example, rules: ` + pods + `, objectSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}
  - {name: broken.example, rules: ` + pods + `, namespaceSelector: {matchExpressions: [{key: x, operator: Bogus}]}}
- metadata: {name: conditions}
  webhooks:
  - {name: true.example, rules: ` + pods + `, matchConditions: [{name: c, expression: "object.spec.serviceAccountName == 'default'"}]}
  - {name: false.example, rules: ` + pods + `, matchConditions: [{name: c, expression: "request.namespace == 'other'"}]}
  - {name: error.example, rules: ` + pods + `, matchConditions: [{name: c, expression: "object.metadata.annotations['x'] == 'y'"}]}
  - {name: error-ignored.example, failurePolicy: Ignore, rules: ` + pods + `, matchConditions: [{name: c, expression: "object.metadata.annotations['x'] == 'y'"}]}
  - {name: user.example, rules: ` + pods + `, matchConditions: [{name: c, expression: "request.userInfo.username.startsWith('system:serviceaccount:')"}]}
  - {name: any-user.example, rules: ` + pods + `, matchConditions: [{name: c, expression: "!('system:nodes' in request.userInfo.groups)"}]}
  - {name: user-and-false.example, rules: ` + pods + `, matchConditions: [{name: u, expression: "request.userInfo.username != 'x'"}, {name: c, expression: "false"}]}
  - {name: authorizer.example, rules: ` + pods + `, matchConditions: [{name: c, expression: "!authorizer.group('').resource('pods').check('create').allowed()"}]}
  - {name: dry-run.example, rules: ` + pods + `, matchConditions: [{name: c, expression: "!request.dryRun"}]}
  - {name: syntax.example, rules: ` + pods + `, matchConditions: [{name: c, expression: "object."}]}
`

func TestWebhooks(t *testing.T) {
	chain := NewChain(Config{Webhooks: webhooksOf(t, chainYAML)})
	ns := namespaceOf("kube-system", "inject", "enabled", "skip", "")
	var got []string
	for _, c := range chain.Webhooks(&ns, podOf("app", "web")) {
		line := c.Name()
		if c.Maybe != "" {
			line += " ?"
		}
		got = append(got, line)
	}
	want := []string{
		"aa-first/b-is-first-in-the-list.example",
		"aa-first/a-is-second.example",
		"conditions/true.example",
		"conditions/error.example ?",
		"conditions/error-ignored.example ?",
		"conditions/user.example ?",
		"conditions/any-user.example",
		"conditions/authorizer.example ?",
		"conditions/dry-run.example ?",
		"conditions/syntax.example ?",
		"rules/star.example",
		"rules/star-star.example",
		"rules/pods-star.example",
		"rules/namespaced.example",
		"selectors/label.example",
		"selectors/object.example",
		"selectors/broken.example ?",
		"zz-last/everywhere.example",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestWebhooksLikeTheAPIServer asks the API server's own plug-in the same questions, over all
// combinations of a few namespaces and pods. Where this package is certain it must agree.
func TestWebhooksLikeTheAPIServer(t *testing.T) {
	configs := webhooksOf(t, chainYAML)
	for _, nsLabels := range [][]string{nil, {"inject", "enabled"}, {"inject", "disabled", "skip", "1"}} {
		for _, name := range []string{"kube-system", "default", "other"} {
			ns := namespaceOf(name, nsLabels...)
			plugin := apiServerPlugin(t, &ns)
			chain := NewChain(Config{Webhooks: configs})
			for _, podLabels := range [][]string{nil, {"app", "web"}, {"app", "db"}} {
				pod := podOf(podLabels...)
				maybe, ours := map[string]bool{}, map[string]bool{}
				for _, c := range chain.Webhooks(&ns, pod) {
					maybe[c.Name()] = c.Maybe != ""
					ours[c.Name()] = true
				}
				for i := range configs {
					for j := range configs[i].Webhooks {
						w := &configs[i].Webhooks[j]
						id := configs[i].Name + "/" + w.Name
						if maybe[id] {
							continue
						}
						if theirs := calledByAPIServer(plugin, configs[i].Name, w, &ns, pod); theirs != ours[id] {
							t.Errorf("%s for a pod with %v in %s with %v: API server %v, here %v", id, podLabels, name, nsLabels, theirs, ours[id])
						}
					}
				}
			}
		}
	}
}

func apiServerPlugin(t *testing.T, ns *corev1.Namespace) *mutating.Plugin {
	t.Helper()
	plugin, err := mutating.NewMutatingWebhook(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := fake.NewClientset(ns)
	factory := informers.NewSharedInformerFactory(client, 0)
	plugin.SetExternalKubeClientSet(client)
	plugin.SetExternalKubeInformerFactory(factory)
	if err := factory.Core().V1().Namespaces().Informer().GetIndexer().Add(ns); err != nil {
		t.Fatal(err)
	}
	return plugin
}

func calledByAPIServer(plugin *mutating.Plugin, configuration string, w *admissionregistrationv1.MutatingWebhook, ns *corev1.Namespace, pod *corev1.Pod) bool {
	// The API server has filled these in before it asks.
	w = w.DeepCopy()
	everything := &metav1.LabelSelector{}
	if w.NamespaceSelector == nil {
		w.NamespaceSelector = everything
	}
	if w.ObjectSelector == nil {
		w.ObjectSelector = everything
	}
	attr := attributes(ns, pod)
	accessor := webhook.NewMutatingWebhookAccessor(fmt.Sprintf("%s/%s", configuration, w.Name), configuration, w)
	invocation, err := plugin.ShouldCallHook(context.Background(), accessor, attr.Attributes, podInterfaces{}, versioned{attr})
	return invocation != nil || err != nil
}

type versioned struct {
	attr *apiserveradmission.VersionedAttributes
}

func (v versioned) VersionedAttribute(schema.GroupVersionKind) (*apiserveradmission.VersionedAttributes, error) {
	return v.attr, nil
}
