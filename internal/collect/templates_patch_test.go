package collect

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// ownDeployment is one that there is.
func ownDeployment(name, annotation string) map[string]any {
	out := plainWorkload(facts.TemplateKinds[0])
	out["metadata"] = map[string]any{
		"name": name, "namespace": "shop", "uid": "uid-" + name, "resourceVersion": "1",
		"annotations": map[string]any{"note": annotation, "deployment.kubernetes.io/revision": name}, "labels": map[string]any{"pod-template-hash": name},
	}
	out["status"] = map[string]any{"replicas": int64(len(name))}
	return out
}

// updatedBy is a collector in whose cluster a webhook sees updates of Deployments, and nothing else.
func updatedBy(t *testing.T, f *fakeAPI) (*collector, *updater) {
	t.Helper()
	none, url := admissionregistrationv1.SideEffectClassNone, "https://10.0.0.1/mutate"
	config := admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "touch"}, Webhooks: []admissionregistrationv1.MutatingWebhook{{
		Name: "touch", ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url}, SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
		Rules: []admissionregistrationv1.RuleWithOperations{{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"}},
		}},
	}}}
	run, err := newCollector(f.options(facts.Canaries))
	if err != nil {
		t.Fatal(err)
	}
	run.snapshot.MutatingWebhooks = []admissionregistrationv1.MutatingWebhookConfiguration{config}
	sent := admission.Canary("shop")
	run.snapshot.Canaries = []facts.Canary{{Sent: sent, Returned: sent}} // so the API server keeps the field
	k, namespaces := facts.TemplateKinds[0], []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}}
	own := newOwnTemplates(run.admissionChain(), templateTarget(k), namespaces, k.APIVersion(), k.Kind, k.String())
	return run, newUpdater(own, namespaces, plainWorkload(k))
}

var templateSpec = []place{{way: []any{"spec", "template", "spec"}, list: "initContainers"}}

// Which updates are tried: one of those that are alike, the values of annotations told apart; without a native sidecar,
// and where there is nothing at all, the webhook is to be asked.
func TestWhichUpdates(t *testing.T) {
	run, u := updatedBy(t, newFakeAPI(t))
	plain := ownDeployment("plain", "a")
	spec, _ := at(plain, templateSpec[0].way).(map[string]any)
	delete(spec, "initContainers")
	for _, object := range []map[string]any{ownDeployment("one", "a"), ownDeployment("two", "a"), ownDeployment("three", "b"), plain} {
		u.addUpdate(object, templateSpec)
	}
	var got []string
	ours := plainWorkload(facts.TemplateKinds[0])
	for _, w := range run.updatesOf(u, ours, templateSpec) {
		got = append(got, string(w.fact.Update)+" "+strings.Join(w.fact.Examples, ", "))
	}
	want := []string{"patch Deployment shop/one, Deployment shop/two", "review Deployment shop/plain", "patch Deployment shop/three"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	run, u = updatedBy(t, newFakeAPI(t))
	if all := run.updatesOf(u, ours, templateSpec); len(all) != 1 || all[0].fact.Update != facts.ByReview || all[0].fact.Templates != 0 {
		t.Errorf("without workloads: %+v", all)
	}
}

// What an update tells: what came back, and what was refused, without what the API server shows of the object.
func TestUpdateOfWorkload(t *testing.T) {
	const path = "PATCH /apis/apps/v1/namespaces/shop/deployments/"
	stripped := ownDeployment("two", "a")
	spec, _ := at(stripped, templateSpec[0].way).(map[string]any)
	for _, c := range spec["initContainers"].([]any) {
		delete(c.(map[string]any), "restartPolicy")
	}
	var asked []string
	answer := func(object map[string]any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			asked = append(asked, r.URL.RawQuery+" "+r.Header.Get("Content-Type")+" "+string(body))
			reply(w, 200, object)
		}
	}
	for _, test := range []struct {
		name             string
		one, two         http.HandlerFunc
		changes          int
		refusal, gap     string
		denied, reviewed bool
	}{
		{name: "stripped", one: answer(stripped), changes: 1},
		{name: "kept", one: answer(ownDeployment("one", "a"))},
		{name: "gone, then the next", one: refusing(404, "NotFound", "not found"), two: answer(stripped), changes: 1},
		{name: "immutable", one: refusing(422, "Invalid", "Job.batch \"import\" is invalid: spec.template: Invalid value: {\"env\":\"hunter2\"}: field is immutable\nhunter2"),
			refusal: `Job.batch "import" is invalid: spec.template: Invalid value: field is immutable`, reviewed: true},
		{name: "not allowed", denied: true, gap: "you are not allowed to patch deployments.apps in namespace shop"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFakeAPI(t)
			f.handlers[path+"one"], f.handlers[path+"two"], asked = test.one, test.two, nil
			if test.denied {
				right := patchWorkload("apps", "deployments")
				f.denied[right.String()], f.denied[right.In("shop").String()] = "", ""
			}
			run, u := updatedBy(t, f)
			u.addUpdate(ownDeployment("one", "a"), templateSpec)
			u.addUpdate(ownDeployment("two", "a"), templateSpec)
			w := u.list()[0]
			w.fact.Class.ID = "workload-1"
			run.tryWorkload(t.Context(), &w)
			if test.gap != "" {
				if g := run.snapshot.Gaps; len(g) != 1 || g[0].Reason != test.gap || !strings.Contains(g[0].Remedy, `verbs: ["patch"]`) {
					t.Errorf("%+v", g)
				}
				return
			}
			canary := w.fact.Canary
			if canary == nil || len(canary.Changes()) != test.changes || (canary.Refusal != nil) != (test.refusal != "") || (len(canary.Reviews) > 0) != test.reviewed {
				t.Fatalf("%+v", canary)
			}
			if test.refusal != "" && canary.Refusal.Message != test.refusal {
				t.Errorf("%q", canary.Refusal.Message)
			}
			for _, request := range asked {
				if request != `dryRun=All application/merge-patch+json {"metadata":{"labels":{"kubectl-sidecar-canary":"update"}}}` {
					t.Errorf("sent %s", request)
				}
			}
			if want := runtime.DeepCopyJSON(ownDeployment("one", "a")); !cmp.Equal(podAt(want, templateSpec), canary.Sent) {
				t.Error("what was sent is not what there is")
			}
		})
	}
}
