package collect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	clusterchecks "github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// labelConfigs are one that adds a label, and others of which the API server asks the selector about it.
var labelConfigs = "items:\n" +
	onPods("0-opted-in-too-early", "early", `matchLabels: {mesh: "on"}`) +
	onPods("a-labels", "labels", "") +
	onPods("b-opted-in", "opted-in", `matchLabels: {mesh: "on"}`) +
	onPods("c-opted-out", "opted-out", "matchExpressions: [{key: mesh, operator: DoesNotExist}]")

func onPods(configuration, webhook, selector string) string {
	return fmt.Sprintf(`- metadata: {name: %s}
  webhooks:
  - name: %s.example.com
    clientConfig: {url: "https://10.0.0.1/x"}
    rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
    objectSelector: {%s}
    sideEffects: None
    failurePolicy: Fail
    admissionReviewVersions: [v1]
`, configuration, webhook, selector)
}

// TestShifted: the label that one webhook adds makes the API server call another, and not call a third. Neither is
// certain, and the first is not to blame because nobody else was expected.
func TestShifted(t *testing.T) {
	f := newFakeAPI(t)
	var configs admissionregistrationv1.MutatingWebhookConfigurationList
	if err := yaml.Unmarshal([]byte(labelConfigs), &configs); err != nil {
		t.Fatal(err)
	}
	configs.TypeMeta = metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "MutatingWebhookConfigurationList"}
	f.handlers["GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"] = func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, configs) }
	f.handlers["GET /api/v1/namespaces"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, corev1.NamespaceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NamespaceList"}, Items: []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}}})
	}
	f.handlers["POST /api/v1/namespaces/shop/podtemplates"] = func(w http.ResponseWriter, _ *http.Request) {
		always := corev1.ContainerRestartPolicyAlways
		reply(w, 201, templateWith(&always))
	}
	f.handlers["POST /api/v1/namespaces/shop/pods"] = func(w http.ResponseWriter, r *http.Request) {
		var pod corev1.Pod
		if err := json.NewDecoder(r.Body).Decode(&pod); err != nil {
			status(w, 400, "BadRequest", err.Error())
			return
		}
		metav1.SetMetaDataLabel(&pod.ObjectMeta, "mesh", "on")
		for i := range pod.Spec.InitContainers {
			pod.Spec.InitContainers[i].RestartPolicy = nil
		}
		pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
		reply(w, 201, pod)
	}
	s := collectFrom(t, f.options(facts.Namespaces, facts.MutatingWebhooks, facts.MutatingPolicies, facts.Canaries))
	if len(s.Classes) == 0 {
		t.Fatalf("no class: %+v", s.Gaps)
	}
	want := facts.Class{
		ID: "class-1", Namespaces: []string{"shop"},
		Webhooks:  []string{"a-labels/labels.example.com", "b-opted-in/opted-in.example.com", "c-opted-out/opted-out.example.com"},
		Uncertain: map[string]string{"b-opted-in/opted-in.example.com": shiftedReason, "c-opted-out/opted-out.example.com": shiftedReason},
	}
	if diff := cmp.Diff(want, s.Classes[0]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, r := range clusterchecks.ViewOf(s).Webhooks() {
		if slices.Contains(want.Webhooks, r.Name) && r.Result != "suspect" {
			t.Errorf("%s: %s (%s), want suspect", r.Name, r.Result, r.Proof)
		}
	}
}
