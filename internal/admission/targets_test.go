package admission

import (
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestMayMatchLikeTheAPIServer: what saves the work of matching must not say no where the API server's own matcher says
// yes.
func TestMayMatchLikeTheAPIServer(t *testing.T) {
	target := Target{
		Kind:     schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"},
		Resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"},
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	for _, resource := range []string{"deployments", "deployments/*", "deployments/status", "*", "*/*", "*/scale", "pods", "pods/*"} {
		rule := admissionregistrationv1.RuleWithOperations{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{resource}},
		}
		chain := NewChain(Config{Webhooks: []admissionregistrationv1.MutatingWebhookConfiguration{{
			ObjectMeta: metav1.ObjectMeta{Name: "config"},
			Webhooks:   []admissionregistrationv1.MutatingWebhook{{Name: "hook", Rules: []admissionregistrationv1.RuleWithOperations{rule}}},
		}}})
		webhooks, _ := chain.CallsFor(ns, target, &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{}}})
		if may := chain.MayMatch(target); may != (len(webhooks) > 0) {
			t.Errorf("%s: may match %v, the API server's matcher calls %v", resource, may, webhooks)
		}
	}
}
