package facts

import (
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// customPaths are where kinds that are not built in keep their pod template: Argo Rollouts and most
// others, KEDA's ScaledJobs, kinds like CronJob.
var customPaths = []string{"spec.template", "spec.jobTargetRef.template", "spec.jobTemplate.spec.template", "spec.podTemplate", "spec.workload.template"}

// CustomWorkloadOf is what a check can use of an object of a kind that is not built in, in JSON; ok is
// false for one without a pod template, and for one of a built-in group.
func CustomWorkloadOf(raw []byte) (w CustomWorkload, ok bool) {
	var o metav1.TypeMeta
	if json.Unmarshal(raw, &o) != nil {
		return CustomWorkload{}, false
	}
	if group, _, _ := strings.Cut(o.APIVersion, "/"); !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io") {
		return CustomWorkload{}, false
	}
	return WorkloadOf(raw)
}

// WorkloadOf is the same for an object of any group, such as one that is known to own pods.
func WorkloadOf(raw []byte) (w CustomWorkload, ok bool) {
	var o struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
	}
	var wish struct {
		Spec struct {
			Replicas        *int64
			Suspend, Paused bool
		}
	}
	_ = json.Unmarshal(raw, &wish) // of some kinds these are something else
	if json.Unmarshal(raw, &o) != nil {
		return CustomWorkload{}, false
	}
	for _, path := range customPaths {
		var template corev1.PodTemplateSpec
		at := descend(raw, strings.Split(path, ".")...)
		text, err := json.Marshal(at)
		if err != nil || at["spec"] == nil || json.Unmarshal(text, &template) != nil {
			continue
		}
		return CustomWorkload{
			APIVersion: o.APIVersion, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, UID: string(o.UID),
			Path: path, Template: trimTemplate(&template), Applied: AppliedAlways(&o.ObjectMeta),
			Replicas: wish.Spec.Replicas, Suspended: wish.Spec.Suspend, Paused: wish.Spec.Paused,
		}, true
	}
	return CustomWorkload{}, false
}
