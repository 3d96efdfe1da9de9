package admission

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// bookkeeping are annotations by which tools remember what they did. They are sent with a canary, but do not
// tell classes and shapes apart: their values are different nearly everywhere.
var bookkeeping = []string{
	"kubectl.kubernetes.io/", "kubectl-sidecar.dev/", "deployment.kubernetes.io/", "deprecated.daemonset.template.generation",
	"meta.helm.sh/", "checksum/", "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/", "objectset.rio.cattle.io/",
	"openshift.io/sa.scc.", "openshift.io/requester", "openshift.io/display-name", "openshift.io/description",
	"field.cattle.io/", "cattle.io/status", "lifecycle.cattle.io/", "management.cattle.io/", "authz.management.cattle.io/",
	"cnrm.cloud.google.com/", "kubernetes.io/description",
}

// telling are the annotations by which a webhook may decide: all but the bookkeeping.
func telling(annotations map[string]string) map[string]string {
	var out map[string]string
	for k, v := range annotations {
		if slices.ContainsFunc(bookkeeping, func(prefix string) bool { return strings.HasPrefix(k, prefix) }) {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[k] = v
	}
	return out
}

// ControllerLabels are those that a controller puts on each pod that it makes, with values of its own.
var ControllerLabels = []string{
	"pod-template-hash", "controller-revision-hash", "pod-template-generation", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
	"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name",
}

// withoutControllers is labels without those of controllers.
func withoutControllers(labels map[string]string) map[string]string {
	out := maps.Clone(labels)
	for _, key := range ControllerLabels {
		delete(out, key)
	}
	return out
}

// pairs is a map in one string, equal for equal maps.
func pairs(m map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%q=%q\n", k, m[k])
	}
	return b.String()
}

// TrimNamespace keeps of a namespace what the chain and its webhooks may look at.
func TrimNamespace(ns *corev1.Namespace) corev1.Namespace {
	out := corev1.Namespace{}
	out.Name, out.Labels, out.Annotations = ns.Name, ns.Labels, telling(ns.Annotations)
	out.DeletionTimestamp, out.Status.Phase = ns.DeletionTimestamp, ns.Status.Phase
	return out
}

// keys are those of a map in one string.
func keys(m map[string]string) string { return strings.Join(slices.Sorted(maps.Keys(m)), "\n") }
