package collect

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// templatePaths are where kinds that are not built in keep their pod template: Argo Rollouts and
// most others, KEDA's ScaledJobs, CronJob-like ones, Knative and VolcanoJob-like ones.
var templatePaths = [][]string{
	{"spec", "template"},
	{"spec", "jobTargetRef", "template"},
	{"spec", "jobTemplate", "spec", "template"},
	{"spec", "podTemplate"},
	{"spec", "workload", "template"},
}

// customWorkload is what a check can use of an owner of a kind that is not built in. One without a
// pod template is of no use.
func customWorkload(o *unstructured.Unstructured) (facts.CustomWorkload, bool) {
	out := facts.CustomWorkload{
		APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName(), UID: string(o.GetUID()),
	}
	for _, path := range templatePaths {
		raw, found, err := unstructured.NestedMap(o.Object, path...)
		if err != nil || !found {
			continue
		}
		if _, hasSpec := raw["spec"]; !hasSpec {
			continue
		}
		if runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &out.Template) != nil {
			continue
		}
		out.Path = strings.Join(path, ".")
		out.Template = facts.TrimReplicaSet(&appsv1.ReplicaSet{Spec: appsv1.ReplicaSetSpec{Template: out.Template}}).Spec.Template
		out.Applied = facts.AppliedAlways(&metav1.ObjectMeta{Annotations: o.GetAnnotations()})
		return out, true
	}
	return facts.CustomWorkload{}, false
}
