package collect

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	podtemplate "github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// TestHandover: what the canaries list is handed over, each once and nothing that belongs to another, and is not listed
// again; what was not listed to the end is.
func TestHandover(t *testing.T) {
	var got []string
	h := NewHandover(func(w *podtemplate.Workload, _ *metav1.ObjectMeta) { got = append(got, w.String()) })
	c := &collector{opts: Options{Handover: h}}
	f := newFakeAPI(t)
	for _, name := range []string{"one", "one", "owned"} {
		meta := &metav1.ObjectMeta{Namespace: "shop", Name: name}
		if name == "owned" {
			meta.OwnerReferences = []metav1.OwnerReference{{Kind: "x", Controller: ptr.To(true)}}
		}
		h.give("apps/v1", "Deployment", meta, &corev1.PodTemplateSpec{}, nil)
	}
	h.give("batch/v1", "Job", &metav1.ObjectMeta{Namespace: "shop", Name: "one"}, &corev1.PodTemplateSpec{}, nil)
	h.whole("Deployment")
	if diff := cmp.Diff([]string{"Deployment shop/one", "Job shop/one"}, got); diff != "" {
		t.Error(diff)
	}
	_, ledger, err := Workloads(t.Context(), f.options(), WorkloadQuery{Handed: h}, h.take)
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, r := range ledger.Requests() {
		asked[r.URL] = true
	}
	if asked["/apis/apps/v1/deployments?limit=500"] || !asked["/apis/batch/v1/jobs?limit=500"] {
		t.Errorf("asked for %v", asked)
	}
	page := listTemplates(c, deploymentsKind, func(context.Context, metav1.ListOptions) (*appsv1.DeploymentList, error) {
		return &appsv1.DeploymentList{Items: []appsv1.Deployment{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "two"}}}}, nil
	})
	var templates []admission.Template
	if _, err := page(t.Context(), metav1.ListOptions{}, &templates); err != nil || len(templates) != 1 || got[len(got)-1] != "Deployment shop/two" {
		t.Errorf("%v: %v, %v", err, templates, got)
	}
}
