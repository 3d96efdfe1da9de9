package collect

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// canaryName ends the name of a copy of a workload, so it is nobody's. Most names are that short.
const canaryName, canaryNameRoom = "-kubectl-sidecar-canary", 52 - len("-kubectl-sidecar-canary")

// plainWorkload is an object of the kind with the plain canary as its template.
func plainWorkload(k facts.TemplateKind) map[string]any {
	pod := admission.Canary("")
	labels := fromStrings(pod.Labels)
	if k.Group == "batch" {
		pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	}
	template := map[string]any{"metadata": map[string]any{"labels": maps.Clone(labels)}, "spec": asJSON(&pod.Spec)}
	out := map[string]any{
		"apiVersion": k.APIVersion(), "kind": k.Kind,
		"metadata": map[string]any{"generateName": admission.CanaryPrefix, "labels": maps.Clone(labels)},
	}
	switch k.Kind {
	case "PodTemplate":
		out["template"] = template
	case "CronJob":
		out["spec"] = map[string]any{"schedule": "0 0 1 1 *", "jobTemplate": map[string]any{"spec": map[string]any{"template": template}}}
	case "Job":
		out["spec"] = map[string]any{"template": template}
	case "ReplicationController":
		out["spec"] = map[string]any{"selector": labels, "template": template}
	case "StatefulSet":
		out["spec"] = map[string]any{"serviceName": "canary", "selector": map[string]any{"matchLabels": labels}, "template": template}
	default:
		out["spec"] = map[string]any{"selector": map[string]any{"matchLabels": labels}, "template": template}
	}
	return out
}

func fromStrings(m map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// asJSON is an object as JSON has it.
func asJSON(object any) map[string]any {
	out := map[string]any{}
	raw, err := json.Marshal(object)
	if err == nil {
		_ = json.Unmarshal(raw, &out)
	}
	return out
}

// ofTheServer is in annotations that are not part of what was asked for.
var ofTheServer = []string{facts.LastAppliedAnnotation, "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation"}

// copyOf is a new object with the labels, the annotations and the content of one that there is.
func copyOf(object map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(object)
	old, _ := out["metadata"].(map[string]any)
	meta := map[string]any{"name": copyName(old), "namespace": old["namespace"]}
	for _, key := range []string{"labels", "annotations"} {
		if of, _ := old[key].(map[string]any); len(of) > 0 {
			for _, own := range ofTheServer {
				delete(of, own)
			}
			meta[key] = of
		}
	}
	out["metadata"] = meta
	delete(out, "status")
	return out
}

func copyName(meta map[string]any) string {
	name, _ := meta["name"].(string)
	return strings.TrimRight(name[:min(len(name), canaryNameRoom)], "-.") + canaryName
}

// ofJob are the labels by which the API server tells the pods of a job from others. It adds them to a new one.
var ofJob = []string{"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}

// copyWorkload is a copy of a workload of the kind, without what the API server itself puts into it.
func copyWorkload(object map[string]any) map[string]any {
	out := copyOf(object)
	spec, _ := out["spec"].(map[string]any)
	if out["kind"] != "Job" || spec["manualSelector"] == true {
		return out
	}
	delete(spec, "selector")
	for _, at := range [][]any{{"metadata", "labels"}, {"spec", "template", "metadata", "labels"}} {
		withoutKeys(out, at, ofJob)
	}
	return out
}

func withoutKeys(object map[string]any, way []any, keys []string) {
	of, _ := at(object, way).(map[string]any)
	for _, key := range keys {
		delete(of, key)
	}
}

// replicaSetOf is what the deployment controller makes of a Deployment.
func replicaSetOf(deployment map[string]any) map[string]any {
	of := copyOf(deployment)
	spec, _ := of["spec"].(map[string]any)
	template, _ := spec["template"].(map[string]any)
	withHash := func(labels any) map[string]any {
		out, _ := labels.(map[string]any)
		out = maps.Clone(out)
		if out == nil {
			out = map[string]any{}
		}
		out["pod-template-hash"] = "canary"
		return out
	}
	meta, _ := template["metadata"].(map[string]any)
	labels := withHash(meta["labels"])
	meta["labels"] = labels
	selector, _ := spec["selector"].(map[string]any)
	selector["matchLabels"] = withHash(selector["matchLabels"])
	return ownedBy(deployment, map[string]any{
		"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": of["metadata"],
		"spec": map[string]any{"replicas": spec["replicas"], "selector": selector, "template": template},
	}, labels)
}

// jobOf is what the cron job controller makes of a CronJob.
func jobOf(cronJob map[string]any) map[string]any {
	of := copyOf(cronJob)
	template, _ := at(of, []any{"spec", "jobTemplate"}).(map[string]any)
	meta, _ := template["metadata"].(map[string]any)
	job := map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": of["metadata"], "spec": template["spec"]}
	out := ownedBy(cronJob, job, meta["labels"])
	if of, ok := out["metadata"].(map[string]any); ok {
		of["annotations"] = meta["annotations"]
	}
	return out
}

// ownedBy gives an object the labels and the owner that its controller would.
func ownedBy(owner, object map[string]any, labels any) map[string]any {
	meta, _ := object["metadata"].(map[string]any)
	of, _ := owner["metadata"].(map[string]any)
	meta["labels"] = labels
	meta["ownerReferences"] = []any{map[string]any{
		"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": of["name"], "uid": of["uid"], "controller": true,
	}}
	return object
}

// withoutSidecars is the object without a native sidecar: its own are left out, which may have probes that only a sidecar
// has; ours becomes an init container like others.
func withoutSidecars(object map[string]any, places []place) map[string]any {
	out := runtime.DeepCopyJSON(object)
	for _, p := range places {
		holder := p.holder(out)
		list, _ := holder[p.list].([]any)
		var left []any
		for _, item := range list {
			of, _ := item.(map[string]any)
			native := of["restartPolicy"] != nil
			if native && of["name"] != admission.CanarySidecar {
				continue
			}
			delete(of, "restartPolicy")
			left = append(left, item)
		}
		if holder != nil && len(list) > 0 {
			holder[p.list] = left
		}
	}
	return out
}

// withoutInitContainers is the object without any init container.
func withoutInitContainers(object map[string]any, places []place) map[string]any {
	out := runtime.DeepCopyJSON(object)
	for _, p := range places {
		delete(p.holder(out), p.list)
	}
	return out
}

// withSidecar is the object with a native sidecar in each of its places that has none: a webhook may count containers.
func withSidecar(object map[string]any, places []place) map[string]any {
	out := runtime.DeepCopyJSON(object)
	for _, p := range places {
		pod := admission.Canary("")
		sidecar := asJSON(&pod.Spec.InitContainers[1])
		if at(p.holder(out), []any{"os", "name"}) == "windows" {
			delete(sidecar, "securityContext") // a Windows pod has another
		}
		if !slices.ContainsFunc(containersOf(p.holder(out)[p.list]), func(c corev1.Container) bool { return facts.RestartsAlways(&c) }) {
			p.add(out, sidecar)
		}
	}
	return out
}
