package collect

import (
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// So many canaries have their webhooks called directly; each of the others says that a limit is the reason.
func TestProofLimit(t *testing.T) {
	run, err := newCollector(newFakeAPI(t).options(facts.Canaries))
	if err != nil {
		t.Fatal(err)
	}
	ignore, none := admissionregistrationv1.Ignore, admissionregistrationv1.SideEffectClassNone
	run.snapshot.MutatingWebhooks = []admissionregistrationv1.MutatingWebhookConfiguration{{
		ObjectMeta: metav1.ObjectMeta{Name: "config"}, Webhooks: []admissionregistrationv1.MutatingWebhook{{Name: "hook", FailurePolicy: &ignore, SideEffects: &none}},
	}}
	pod := admission.Canary("shop")
	classes, results := make([]class, proofReplays+3), make([][]facts.Canary, proofReplays+3)
	for i := range classes {
		classes[i] = class{webhooks: []admission.Call{{Configuration: "config", Webhook: "hook"}}, answered: pod}
		results[i] = []facts.Canary{{Sent: pod, Returned: pod}}
	}
	run.prove(t.Context(), classes, results)
	asked, limited := 0, 0
	for _, r := range results {
		if len(r[0].Reviews) > 0 && r[0].Unasked == "" {
			asked++
		}
		if len(r[0].Reviews) == 0 && strings.Contains(r[0].Unasked, "50 sets of namespaces and templates at most") {
			limited++
		}
	}
	if asked != proofReplays || limited != 3 {
		t.Errorf("%d were asked, %d were limited", asked, limited)
	}
}
