package collect

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	podtemplate "github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// TestWorkloads: all kinds are read page by page, what belongs to another workload is left out, no pods are read, and
// what may not be read is a gap.
func TestWorkloads(t *testing.T) {
	f := newFakeAPI(t)
	named := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "shop", Name: name} }
	f.handlers["GET /apis/apps/v1/deployments"] = func(w http.ResponseWriter, r *http.Request) {
		list := appsv1.DeploymentList{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DeploymentList"}}
		if r.URL.Query().Get("continue") == "" {
			list.Continue = "more"
			list.Items = []appsv1.Deployment{{ObjectMeta: named("one")}}
		} else {
			list.Items = []appsv1.Deployment{{ObjectMeta: named("two")}}
		}
		reply(w, 200, list)
	}
	f.handlers["GET /apis/batch/v1/jobs"] = func(w http.ResponseWriter, _ *http.Request) {
		owned, policy := named("owned"), named("policy")
		owned.OwnerReferences = []metav1.OwnerReference{{Kind: "CronJob", Name: "x", Controller: ptr.To(true)}}
		reply(w, 200, batchv1.JobList{TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "JobList"}, Items: []batchv1.Job{
			{ObjectMeta: owned}, {ObjectMeta: policy, Spec: batchv1.JobSpec{PodFailurePolicy: &batchv1.PodFailurePolicy{}}},
		}})
	}
	f.handlers["GET /apis/apps/v1/statefulsets"] = refusing(500, "InternalError", "broken")
	f.handlers["GET /apis/batch/v1/cronjobs"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, batchv1.CronJobList{TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "CronJobList"}})
	}
	f.handlers["GET /apis/argoproj.io/v1alpha1/rollouts"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"items": []any{map[string]any{
			"metadata": map[string]any{"name": "r", "namespace": "shop"},
			"spec":     map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "a"}}}}},
		}}})
	}
	f.handlers["GET /apis/apps/v1/replicasets"] = func(w http.ResponseWriter, r *http.Request) {
		owned := named("of-a-deployment")
		owned.OwnerReferences = []metav1.OwnerReference{{Kind: "Deployment", Name: "x", Controller: ptr.To(true)}}
		if r.Header.Get("Accept") != metadataOnly {
			t.Errorf("all ReplicaSets are asked for as %s", r.Header.Get("Accept"))
		}
		reply(w, 200, metav1.PartialObjectMetadataList{Items: []metav1.PartialObjectMetadata{{ObjectMeta: owned}, {ObjectMeta: named("bare")}}})
	}
	f.handlers["GET /apis/apps/v1/namespaces/shop/replicasets"] = func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Get("fieldSelector"); got != "metadata.name=bare" {
			t.Errorf("asked for %s", got)
		}
		reply(w, 200, appsv1.ReplicaSetList{TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSetList"}, Items: []appsv1.ReplicaSet{{ObjectMeta: named("bare")}}})
	}
	f.handlers["GET /api/v1/replicationcontrollers"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, corev1.ReplicationControllerList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ReplicationControllerList"}, Items: []corev1.ReplicationController{
			{ObjectMeta: named("rc"), Spec: corev1.ReplicationControllerSpec{Template: &corev1.PodTemplateSpec{}}}, {ObjectMeta: named("without")},
		}})
	}
	f.handlers["GET /api/v1/podtemplates"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, corev1.PodTemplateList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodTemplateList"}, Items: []corev1.PodTemplate{{ObjectMeta: named("pt")}}})
	}
	denied := Rule{PolicyRule: rule("list", "apps", "daemonsets")}
	f.denied[denied.String()] = "not you"
	var got []string
	gaps, ledger, err := Workloads(context.Background(), f.options(), WorkloadQuery{Custom: []facts.CRD{
		{Name: "rollouts.argoproj.io", Group: "argoproj.io", Kind: "Rollout", Versions: []facts.CRDVersion{{Name: "v1alpha1", Served: true}}},
		{Name: "things.example.com", Group: "example.com", Kind: "Thing", Versions: []facts.CRDVersion{{Name: "v1", Served: true}}},
	}}, func(w *podtemplate.Workload, meta *metav1.ObjectMeta) {
		text := w.String()
		if w.Object["spec"] != nil && w.Kind == "Job" {
			text += " with a policy"
		}
		got = append(got, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Job shop/policy with a policy", "Deployment shop/one", "Deployment shop/two", "ReplicaSet shop/bare",
		"ReplicationController shop/rc", "ReplicationController shop/without", "PodTemplate shop/pt", "Rollout shop/r"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var missing []facts.Kind
	for _, g := range gaps {
		missing = append(missing, g.Kind)
	}
	if diff := cmp.Diff([]facts.Kind{facts.StatefulSets, facts.DaemonSets}, missing); diff != "" {
		t.Error(diff)
	}
	for _, r := range ledger.Requests() {
		if r.URL == "/api/v1/pods" {
			t.Errorf("pods were read: %+v", r)
		}
	}
}

// TestWorkloadsForLint: objects whose schema has init containers are looked at, whatever their kind.
func TestWorkloadsForLint(t *testing.T) {
	f := newFakeAPI(t)
	for _, list := range []string{"apis/apps/v1/deployments", "apis/apps/v1/statefulsets", "apis/apps/v1/daemonsets", "apis/apps/v1/replicasets", "apis/batch/v1/jobs", "apis/batch/v1/cronjobs", "api/v1/replicationcontrollers", "api/v1/podtemplates"} {
		f.handlers["GET /"+list] = func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, map[string]any{"items": []any{}}) }
	}
	containers := []any{map[string]any{"name": "a", "image": "a"}}
	f.handlers["GET /apis/example.com/v1/things"] = func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"items": []any{
			map[string]any{"metadata": map[string]any{"name": "t", "namespace": "shop"}, "spec": map[string]any{"pool": map[string]any{"containers": containers}}},
			map[string]any{"metadata": map[string]any{"name": "w", "namespace": "shop", "ownerReferences": []any{map[string]any{"apiVersion": "example.com/v1", "kind": "Owner", "name": "o", "uid": "1", "controller": true}}}, "spec": map[string]any{"pool": map[string]any{"containers": containers}}},
			map[string]any{"metadata": map[string]any{"name": "u", "namespace": "shop"}, "spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": containers}}}},
			map[string]any{"metadata": map[string]any{"name": "v", "namespace": "shop"}, "spec": map[string]any{"pool": map[string]any{}}},
		}})
	}
	f.handlers["GET /apis/example.com/v1/loose"] = refusing(500, "InternalError", "broken")
	crd := func(plural, kind string, prunes ...string) facts.CRD {
		return facts.CRD{Name: plural + ".example.com", Group: "example.com", Kind: kind, Versions: []facts.CRDVersion{{Name: "v1", Served: true, Prunes: prunes}}}
	}
	var got []string
	gaps, _, err := Workloads(context.Background(), f.options(), WorkloadQuery{
		Custom:       []facts.CRD{crd("things", "Thing", "spec.pool.initContainers"), crd("loose", "Loose", "spec.initContainers")},
		Unrecognized: func(u podtemplate.Unrecognized) { got = append(got, "unrecognized "+u.Kind+" "+u.Name) },
	}, func(w *podtemplate.Workload, _ *metav1.ObjectMeta) { got = append(got, w.String()) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"unrecognized Thing t", "Thing shop/u"}, got); diff != "" {
		t.Error(diff)
	}
	if len(gaps) != 1 || gaps[0].Kind != facts.CustomWorkloads {
		t.Errorf("%+v", gaps)
	}
}
