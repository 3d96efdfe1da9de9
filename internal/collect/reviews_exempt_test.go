package collect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// A change counts as explained only by a webhook that makes this very change.
func TestUnexplained(t *testing.T) {
	moved := facts.Change{Kind: facts.Moved, Container: admission.CanarySetup}
	stripped := facts.Change{Kind: facts.Stripped, Container: admission.CanarySidecar}
	refused := &facts.Refusal{Code: 403}
	for name, c := range map[string]struct {
		reviews  []facts.Review
		exempted []facts.Exempted
		want     string
	}{
		"nobody was asked":                  {nil, nil, "moved stripped"},
		"one did both":                      {[]facts.Review{{Changes: []facts.Change{moved, stripped}}}, nil, ""},
		"each did one":                      {[]facts.Review{{Changes: []facts.Change{moved}}, {Changes: []facts.Change{stripped}}}, nil, ""},
		"one moved, one could not be asked": {[]facts.Review{{Changes: []facts.Change{moved}}, {Error: "no"}}, nil, "stripped"},
		"bisection shows who stripped":      {[]facts.Review{{Changes: []facts.Change{moved}}, {Error: "no"}}, []facts.Exempted{{Changes: []facts.Change{moved}}}, ""},
		"bisection shows that it did not":   {[]facts.Review{{Changes: []facts.Change{moved}}, {Error: "no"}}, []facts.Exempted{{Changes: []facts.Change{moved, stripped}}}, "stripped"},
		"bisection was refused":             {[]facts.Review{{Changes: []facts.Change{moved}}, {Error: "no"}}, []facts.Exempted{{Refusal: refused}}, "stripped"},
		"bisection only, unharmed":          {[]facts.Review{{Error: "no"}}, []facts.Exempted{{}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			canary := movedAndStripped("a")
			canary.Reviews, canary.Exempted = c.reviews, c.exempted
			var got []string
			for _, change := range unexplained(canary) {
				got = append(got, string(change.Kind))
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("unexplained: %q, want %q", text, c.want)
			}
			if attributed(canary) != (c.want == "") {
				t.Errorf("attributed: %t", attributed(canary))
			}
		})
	}
}

// movedAndStripped is a canary whose setup container came back with the field, and whose sidecar without.
func movedAndStripped(namespace string) *facts.Canary {
	sent := admission.Canary(namespace)
	returned := sent.DeepCopy()
	always := corev1.ContainerRestartPolicyAlways
	returned.Spec.InitContainers[0].RestartPolicy = &always
	returned.Spec.InitContainers[1].RestartPolicy = nil
	return &facts.Canary{Class: "class-1", Namespace: namespace, Sent: sent, Returned: returned}
}

// twoCulprits is an API server with the webhooks a, which makes the setup container a sidecar, and b, which
// strips the field from the sidecar. b sees only pods without the label skip-b.
type twoCulprits struct {
	*fakeAPI
	noLabels bool // b selects by nothing, so that no label keeps it away
}

func (f *twoCulprits) start() {
	service := func(name string) admissionregistrationv1.WebhookClientConfig {
		return admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: name, Name: "hook"}}
	}
	none := admissionregistrationv1.SideEffectClassNone
	var configs []admissionregistrationv1.MutatingWebhookConfiguration
	for _, name := range []string{"a", "b"} {
		w := admissionregistrationv1.MutatingWebhook{
			Name: name + ".example.com", ClientConfig: service(name), SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}
		if name == "b" && !f.noLabels {
			w.ObjectSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "skip-b", Operator: metav1.LabelSelectorOpDoesNotExist}}}
		}
		configs = append(configs, admissionregistrationv1.MutatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Webhooks: []admissionregistrationv1.MutatingWebhook{w},
		})
	}
	list := func(items any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]any{"items": items}) }
	}
	f.handlers["GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"] = list(configs)
	f.handlers["GET /api/v1/namespaces"] = list([]corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}})
	for _, path := range []string{"apis/apps/v1/deployments", "apis/apps/v1/statefulsets", "apis/apps/v1/daemonsets", "apis/batch/v1/jobs", "apis/batch/v1/cronjobs", "api/v1/serviceaccounts", "api/v1/pods"} {
		f.handlers["GET /"+path] = list([]any{})
	}
	f.handlers["POST /api/v1/namespaces/shop/podtemplates"] = func(w http.ResponseWriter, r *http.Request) {
		var template corev1.PodTemplate
		decode(r, &template)
		template.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "PodTemplate"}
		reply(w, 201, template)
	}
	f.handlers["POST /api/v1/namespaces/shop/pods"] = func(w http.ResponseWriter, r *http.Request) {
		var pod corev1.Pod
		decode(r, &pod)
		always := corev1.ContainerRestartPolicyAlways
		pod.Spec.InitContainers[0].RestartPolicy = &always
		if pod.Labels["skip-b"] == "" {
			pod.Spec.InitContainers[1].RestartPolicy = nil
		}
		pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
		reply(w, 201, pod)
	}
	f.handlers["POST /api/v1/namespaces/a/services/https:hook:443/proxy/"] = func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		decode(r, &review)
		json := admissionv1.PatchTypeJSONPatch
		review.Response = &admissionv1.AdmissionResponse{
			UID: review.Request.UID, Allowed: true, PatchType: &json,
			Patch: []byte(`[{"op":"add","path":"/spec/initContainers/0/restartPolicy","value":"Always"}]`),
		}
		review.Request = nil
		reply(w, 200, review)
	}
	proxy := Rule{PolicyRule: rule("create", "", "services/proxy")}
	f.denied[proxy.String()], f.denied[proxy.In("b").String()] = "", ""
}

func decode(r *http.Request, into any) {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		panic(err)
	}
}

// A webhook that could not be asked is looked for although another one is known to have done something
// else: by bisection, and where that is not possible, it is a gap.
func TestSecondCulprit(t *testing.T) {
	digest := func(t *testing.T, noLabels bool) []string {
		f := &twoCulprits{fakeAPI: newFakeAPI(t), noLabels: noLabels}
		f.start()
		s := collectFrom(t, f.options(facts.Canaries))
		var out []string
		for _, c := range s.Canaries {
			for _, r := range c.Reviews {
				out = append(out, fmt.Sprintf("review of %s: %d changes, error %q", r.Webhook, len(r.Changes), r.Error))
			}
			for _, e := range c.Exempted {
				out = append(out, fmt.Sprintf("without %s: %d changes", e.Webhook, len(e.Changes)))
			}
		}
		for _, g := range s.Gaps {
			out = append(out, fmt.Sprintf("gap %s: %s", g.Scope, g.Reason))
		}
		return out
	}
	t.Run("bisection", func(t *testing.T) {
		want := []string{
			`review of a/a.example.com: 1 changes, error ""`,
			`review of b/b.example.com: 0 changes, error "you are not allowed to create services/proxy in namespace b"`,
			`without b/b.example.com: 1 changes`,
		}
		if diff := cmp.Diff(want, digest(t, false)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("no bisection", func(t *testing.T) {
		want := []string{
			`review of a/a.example.com: 1 changes, error ""`,
			`review of b/b.example.com: 0 changes, error "you are not allowed to create services/proxy in namespace b"`,
			`gap review/class-1 (namespace shop): it is not known which of the webhooks there did it: you are not allowed to create services/proxy in namespace b`,
		}
		if diff := cmp.Diff(want, digest(t, true)); diff != "" {
			t.Error(diff)
		}
	})
}
