package collect

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// TestShiftedValidators: a label that others add to a pod makes a webhook that selects it ask about the pod; where it does
// so in one namespace of a class only, it is not certain that it was asked.
func TestShiftedValidators(t *testing.T) {
	labeled := &metav1.LabelSelector{MatchLabels: map[string]string{"mesh": "on"}}
	guard := func(name string, namespaces *metav1.LabelSelector) admissionregistrationv1.ValidatingWebhook {
		return admissionregistrationv1.ValidatingWebhook{
			Name: name, NamespaceSelector: namespaces, ObjectSelector: labeled,
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}
	}
	chain := admission.NewChain(admission.Config{ValidatingWebhooks: []admissionregistrationv1.ValidatingWebhookConfiguration{{
		ObjectMeta: metav1.ObjectMeta{Name: "guard"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{
			guard("everywhere.example", nil), guard("till.example", &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "till"}}),
		},
	}}})
	shop := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{corev1.LabelMetadataName: "shop"}}}
	till := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "till", Labels: map[string]string{corev1.LabelMetadataName: "till"}}}
	returned := admission.Canary("shop")
	returned.Labels["mesh"] = "on"
	in := &class{
		fact: facts.Class{Webhooks: []string{"inject/inject.example"}}, namespaces: []*corev1.Namespace{shop, till}, returned: returned,
	}
	noteShiftedValidators(chain, in, try{ns: shop})
	want := []facts.Validator{{Called: "guard/everywhere.example"}, {Called: "guard/till.example", Uncertain: shiftedReason}}
	if diff := cmp.Diff(want, in.fact.Validating); diff != "" {
		t.Error(diff)
	}
}
