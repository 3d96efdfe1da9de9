package collect

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// Webhooks of which one stripped a template, at a host that is not public and was not named: who did it is open, and
// the remedy is to name the host.
func TestBlameAtPrivateHost(t *testing.T) {
	const read = "GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/config"
	f, none, url := newFakeAPI(t), admissionregistrationv1.SideEffectClassNone, "https://10.0.0.1/mutate"
	config := admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "config"}}
	for _, name := range []string{"one", "two"} {
		config.Webhooks = append(config.Webhooks, admissionregistrationv1.MutatingWebhook{
			Name: name, ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url}, SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
		})
	}
	f.handlers[read] = func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, config) }
	run, err := newCollector(f.options(facts.Canaries))
	if err != nil {
		t.Fatal(err)
	}
	run.snapshot.MutatingWebhooks = []admissionregistrationv1.MutatingWebhookConfiguration{config}
	sent := admission.Canary("shop")
	run.snapshot.Canaries = []facts.Canary{{Sent: sent, Returned: sent}} // so the API server keeps the field
	stripped := sent.DeepCopy()
	for i := range stripped.Spec.InitContainers {
		stripped.Spec.InitContainers[i].RestartPolicy = nil
	}
	object := asJSON(sent)
	w := &workload{
		fact:  facts.WorkloadTrial{Kind: "Deployment", Class: facts.Class{ID: "workload-1", Namespaces: []string{"shop"}}, Canary: &facts.Canary{Sent: sent, Returned: stripped}},
		calls: []admission.Call{{Configuration: "config", Webhook: "one"}, {Configuration: "config", Webhook: "two"}},
	}
	run.blame(t.Context(), w, workloadTry{namespace: "shop", object: object, places: []place{{way: []any{"spec"}, list: "initContainers"}}}, object)
	want := []facts.Gap{facts.NewGap(facts.Canaries, w.fact.Instance(),
		"it is not known which of the webhooks there did it: host 10.0.0.1 is not public, and was not named",
		facts.Do("if you trust whoever configured the webhook there, name its host: --ask-url 10.0.0.1"))}
	if diff := cmp.Diff(want, run.snapshot.Gaps); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
