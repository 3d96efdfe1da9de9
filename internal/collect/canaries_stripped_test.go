package collect

import (
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

const probeForbidden = `Pod "web-x" is invalid: spec.initContainers[0].startupProbe: Forbidden: may not be set for init containers without restartPolicy=Always`

// TestRefusedForProbes: validation refuses the probes of a sidecar whose field is gone. Whether the API server itself
// has dropped it, a PodTemplate tells: it is refused in the same words, comes back without the field, or with it.
func TestRefusedForProbes(t *testing.T) {
	without := func(w http.ResponseWriter, _ *http.Request) { reply(w, 201, templateWith(nil)) }
	always := corev1.ContainerRestartPolicyAlways
	with := func(w http.ResponseWriter, _ *http.Request) { reply(w, 201, templateWith(&always)) }
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   facts.Template
	}{
		"refused in the same words": {refusing(422, metav1.StatusReasonInvalid, probeForbidden), facts.TemplateLost},
		"lost":                      {without, facts.TemplateLost},
		"kept":                      {with, facts.TemplateKept},
		"refused for another cause": {refusing(403, metav1.StatusReasonForbidden, "no"), facts.TemplateUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeAPI(t)
			f.handlers["POST /api/v1/namespaces/shop/podtemplates"] = c.answer
			run, err := newCollector(f.options(facts.Canaries))
			if err != nil {
				t.Fatal(err)
			}
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
			pod := admission.Canary("shop")
			in := &class{fact: facts.Class{ID: "shape-1", Namespaces: []string{"shop"}, Webhooks: []string{}}, tries: []try{{ns: ns, pod: pod}}}
			canary := &facts.Canary{Class: "shape-1", Namespace: "shop", Sent: pod, Refusal: &facts.Refusal{Code: 422, Message: probeForbidden}}
			run.attribute(t.Context(), admission.NewChain(admission.Config{}), in, in.tries[0], canary)
			if canary.Template != c.want {
				t.Errorf("of a pod: %q, want %q", canary.Template, c.want)
			}
			w := &workload{fact: facts.WorkloadTrial{APIVersion: "apps/v1", Kind: "Deployment", Class: facts.Class{ID: "workload-1", Namespaces: []string{"shop"}}}, target: templateTarget(facts.TemplateKinds[0])}
			w.target.Resource.Resource = "deployments"
			f.handlers["POST /apis/apps/v1/namespaces/shop/deployments"] = refusing(422, metav1.StatusReasonInvalid, probeForbidden)
			w.tries = []workloadTry{{namespace: "shop", object: asJSON(pod), places: []place{{way: []any{"spec"}, list: "initContainers"}}}}
			run.tryWorkload(t.Context(), w)
			if got := w.fact.Canary; got == nil || got.Template != c.want {
				t.Errorf("of a workload: %+v, want %q", got, c.want)
			}
		})
	}
}

func templateWith(policy *corev1.ContainerRestartPolicy) *corev1.PodTemplate {
	out := &corev1.PodTemplate{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodTemplate"}}
	out.Template.Spec = admission.Canary("shop").Spec
	out.Template.Spec.InitContainers[1].RestartPolicy = policy
	return out
}
