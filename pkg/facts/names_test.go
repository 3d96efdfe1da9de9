package facts

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NAME is where a test puts a hostile name: one place in each object.
var namePlaces = map[string]string{
	"name of a node":           `{kind: Node, apiVersion: v1, metadata: {name: "NAME"}}`,
	"label key":                `{kind: Node, apiVersion: v1, metadata: {name: a, labels: {? "NAME" : x}}}`,
	"label value":              `{kind: Node, apiVersion: v1, metadata: {name: a, labels: {x: "NAME"}}}`,
	"name of a namespace":      `{kind: Namespace, apiVersion: v1, metadata: {name: "NAME"}}`,
	"namespace of a pod":       `{kind: Pod, apiVersion: v1, metadata: {name: a, namespace: "NAME"}}`,
	"container":                `{kind: Pod, apiVersion: v1, metadata: {name: a}, spec: {containers: [{name: "NAME"}]}}`,
	"init container":           `{kind: Pod, apiVersion: v1, metadata: {name: a}, spec: {initContainers: [{name: "NAME"}]}}`,
	"volume":                   `{kind: Pod, apiVersion: v1, metadata: {name: a}, spec: {volumes: [{name: "NAME"}]}}`,
	"port":                     `{kind: Pod, apiVersion: v1, metadata: {name: a}, spec: {containers: [{name: a, ports: [{name: "NAME"}]}]}}`,
	"environment variable":     `{kind: Pod, apiVersion: v1, metadata: {name: a}, spec: {containers: [{name: a, env: [{name: "NAME"}]}]}}`,
	"key of a ConfigMap":       `{kind: Pod, apiVersion: v1, metadata: {name: a}, spec: {containers: [{name: a, env: [{name: A, valueFrom: {configMapKeyRef: {name: a, key: "NAME"}}}]}]}}`,
	"node of a pod":            `{kind: Pod, apiVersion: v1, metadata: {name: a}, spec: {nodeName: "NAME"}}`,
	"template of a deployment": `{kind: Deployment, apiVersion: apps/v1, metadata: {name: a}, spec: {template: {spec: {containers: [{name: "NAME"}]}}}}`,
	"template of a cron job":   `{kind: CronJob, apiVersion: batch/v1, metadata: {name: a}, spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: "NAME"}]}}}}}}`,
	"rollout":                  `{kind: Rollout, apiVersion: argoproj.io/v1alpha1, metadata: {name: "NAME"}, spec: {template: {spec: {containers: [{name: a}]}}}}`,
	"kind of a rollout":        `{kind: "NAME", apiVersion: argoproj.io/v1alpha1, metadata: {name: a}, spec: {template: {spec: {containers: [{name: a}]}}}}`,
	"service":                  `{kind: Service, apiVersion: v1, metadata: {name: "NAME"}}`,
	"webhook configuration":    `{kind: MutatingWebhookConfiguration, apiVersion: admissionregistration.k8s.io/v1, metadata: {name: "NAME"}}`,
	"webhook":                  `{kind: MutatingWebhookConfiguration, apiVersion: admissionregistration.k8s.io/v1, metadata: {name: a}, webhooks: [{name: "NAME"}]}`,
	"class in a snapshot":      `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [canaries], classes: [{id: class-1, namespaces: ["NAME"]}]}`,
	"webhook in a snapshot":    `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [canaries], canaries: [{class: class-1, namespace: a, reviews: [{webhook: "a/NAME"}]}]}`,
	"kubelet in a snapshot":    `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [kubelets], kubelets: [{component: kubelet, instance: "NAME"}]}`,
	"log in a snapshot":        `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [logs], logs: [{namespace: a, pod: a, container: "NAME"}]}`,
	"component in a snapshot":  `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [controlplane], controlPlane: [{component: "NAME", name: a}]}`,
	"owner in a snapshot":      `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [pods], pods: [{metadata: {name: a, ownerReferences: [{apiVersion: v1, kind: Node, name: "NAME", uid: u}]}, spec: {containers: []}, status: {}}]}`,
	"policy in a snapshot":     `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [mutatingadmissionpolicies], mutatingPolicies: [{name: "NAME", matchesPods: true}]}`,
	"CRD in a snapshot":        `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [customresourcedefinitions], customResourceDefinitions: [{name: a.b, group: b, kind: "NAME"}]}`,
	"version of a CRD":         `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [customresourcedefinitions], customResourceDefinitions: [{name: a.b, group: b, kind: A, versions: [{name: "NAME", served: true, storage: true}]}]}`,
	"policy of a class":        `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [canaries], classes: [{id: class-1, namespaces: [a], policies: ["NAME"]}]}`,
	"trial of a workload":      `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [canaries], workloadTrials: [{kind: Deployment, apiVersion: apps/v1, resource: "NAME", class: {id: workload-1, namespaces: [a]}}]}`,
	"kind of a trial":          `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [canaries], workloadTrials: [{kind: "NAME", apiVersion: apps/v1, resource: deployments.apps, class: {id: workload-1, namespaces: [a]}}]}`,
	"class of a trial":         `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [canaries], workloadTrials: [{kind: Deployment, apiVersion: apps/v1, resource: deployments.apps, class: {id: workload-1, namespaces: ["NAME"]}}]}`,
	"review of a trial":        `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [canaries], workloadTrials: [{kind: Deployment, apiVersion: apps/v1, resource: deployments.apps, class: {id: workload-1, namespaces: [a]}, canary: {class: workload-1, namespace: a, reviews: [{webhook: "a/NAME"}]}}]}`,
	"updated pod":              `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [canaries], podUpdates: [{pod: "NAME", class: {id: update-1, namespaces: [a]}}]}`,
	"backend in a snapshot":    `{kind: Snapshot, apiVersion: kubectl-sidecar.dev/v1, seen: [webhookbackends], webhookBackends: [{webhook: "a/NAME", service: a/b, pods: 0, ready: 0}]}`,
}

// hostileNames would be commands of their own, words of their own, or another name to the eye.
var hostileNames = []string{
	`a\nkubectl delete ns prod`, `a\r\n::error::owned`, `a; rm -rf ~`, `$(id)`, `a b`, `\u202eb`, `\e[31m`,
	`-A`, `'`, `\u00e4`, strings.Repeat("a", 1<<16),
}

// storedAll are those that API servers store in one place.
var storedAll = map[string][]string{
	"environment variable": {`a; rm -rf ~`, `$(id)`, `a b`, `-A`, `'`, strings.Repeat("a", 1<<16)},
	"key of a ConfigMap":   {`-A`},
}

// TestHostileNames: a name that no API server stores is refused on reading, wherever it stands; the
// error says whose it is, and is short.
func TestHostileNames(t *testing.T) {
	for place, object := range namePlaces {
		for _, name := range hostileNames {
			_, err := Read(strings.NewReader(strings.ReplaceAll(object, "NAME", name)), "seen.yaml")
			if (err == nil) != slices.Contains(storedAll[place], name) {
				t.Errorf("%s: %.40s: %v", place, name, err)
			}
			if err == nil {
				continue
			}
			if text := err.Error(); !strings.HasPrefix(text, "seen.yaml: ") || !strings.Contains(text, "cannot come from a cluster") || len(text) > 500 || strings.ContainsAny(text, "\n\x1b\u202e") {
				t.Errorf("%s: %.1000q", place, text)
			}
		}
		if _, err := Read(strings.NewReader(strings.ReplaceAll(object, "NAME", "a")), "seen.yaml"); err != nil {
			t.Errorf("%s: an honest name: %v", place, err)
		}
	}
}

// TestHostileName is what the user reads.
func TestHostileName(t *testing.T) {
	object := `{kind: Pod, apiVersion: v1, metadata: {name: web, namespace: shop}, spec: {containers: [{name: "app\nkubectl delete ns prod"}]}}`
	_, err := Read(strings.NewReader(object), "seen.yaml")
	const want = `seen.yaml: Pod "web" in namespace "shop": the container "app\nkubectl delete ns prod" cannot come from a cluster: ` +
		`a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

// TestUnusualNames: what API servers do store is read, however unusual it looks.
func TestUnusualNames(t *testing.T) {
	for _, object := range []string{
		`{kind: Node, apiVersion: v1, metadata: {name: ip-10-0-0-1.eu-central-1.compute.internal, labels: {a.example.com/B_c.D: "1.2_3-x", empty: ""}, annotations: {Example.com/UPPER: x}}}`,
		`{kind: Pod, apiVersion: v1, metadata: {name: web.example.com-0}, spec: {containers: [{name: a, env: [{name: "a.b-c d"}], ports: [{name: http-2}]}]}}`,
		`{kind: Service, apiVersion: v1, metadata: {name: 1st}}`,
		`{kind: Event, apiVersion: v1, metadata: {name: "system:node.17f", namespace: default}, involvedObject: {kind: ClusterRole, name: "system:node"}}`,
		`{kind: ClusterRole, apiVersion: rbac.authorization.k8s.io/v1, metadata: {name: "system:node"}}`,
		`{kind: MutatingWebhookConfiguration, apiVersion: admissionregistration.k8s.io/v1, metadata: {name: old}, webhooks: [{name: two.segments}]}`,
		`{kind: List, apiVersion: v1, items: [{kind: Pod, apiVersion: v1, spec: {containers: [{}]}}]}`,
	} {
		if _, err := Read(strings.NewReader(object), "seen.yaml"); err != nil {
			t.Errorf("%s\n%v", object, err)
		}
	}
}

// TestReferences: the API server stores references unread. Those that cannot be about anything are
// left out, from a cluster and from a file.
func TestReferences(t *testing.T) {
	yes := true
	good := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-1", UID: "u", Controller: &yes}
	rollout := metav1.OwnerReference{APIVersion: "argoproj.io/v1alpha1", Kind: "Rollout", Name: "web.example.com", UID: "w"}
	for _, text := range []string{"x; rm -rf ~", "x\ny", "$(id)", "-A", "\u202e", "a b", "'"} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{
			good, {APIVersion: "apps/v1", Kind: "ReplicaSet", Name: text}, {APIVersion: "apps/v1", Kind: text, Name: "a"}, {APIVersion: text, Kind: "A", Name: "a"}, rollout,
		}}}
		trimmed := TrimPod(pod)
		if diff := cmp.Diff([]metav1.OwnerReference{good, rollout}, trimmed.OwnerReferences); diff != "" {
			t.Errorf("%q: owners (-want +got)\n%s", text, diff)
		}
		if len(pod.OwnerReferences) != 5 {
			t.Errorf("%q: the pod itself was changed", text)
		}
		e := TrimEvent(&corev1.Event{Reason: "R", InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: text}})
		if e.InvolvedObject != (corev1.ObjectReference{}) || e.Reason != "R" {
			t.Errorf("%q: an event about %v", text, e.InvolvedObject)
		}
	}
	about := corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "web", UID: "u", FieldPath: "spec.containers{app}"}
	if e := TrimEvent(&corev1.Event{InvolvedObject: about}); e.InvolvedObject != about {
		t.Errorf("an event about %v", e.InvolvedObject)
	}
}
