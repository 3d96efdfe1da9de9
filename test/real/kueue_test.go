//go:build real

package real

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// queues let Kueue admit what is labeled with the queue team in the namespace default.
const queues = `
apiVersion: kueue.x-k8s.io/v1beta2
kind: ResourceFlavor
metadata: {name: default}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: all}
spec:
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [cpu]
    flavors: [{name: default, resources: [{name: cpu, nominalQuota: 9}]}]
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: team, namespace: default}
spec: {clusterQueue: all}
`

// queuedSpec is a pod that takes 300m of CPU while its native sidecar runs beside it, and 200m were that an init container.
const queuedSpec = `{"restartPolicy": %q, "containers": [{"name": "app", "image": "example.com/app:1", "resources": {"requests": {"cpu": "100m"}}}],
	"initContainers": [{"name": "proxy", "image": "example.com/proxy:1", "restartPolicy": "Always", "resources": {"requests": {"cpu": "200m"}}}]}`

const suspendingParent = `.spec.template.metadata.annotations.kueue\.x-k8s\.io/pod-suspending-parent`

const queuedMeta = `{"name": "train", "namespace": "default", "labels": {"app": "train", "kueue.x-k8s.io/queue-name": "team"}}`

// queued are workloads that Kueue manages; of each where its init containers are, and something that Kueue changes.
var queued = []struct{ kind, object, spec, sign, changed string }{
	{
		"Job", `{"apiVersion": "batch/v1", "kind": "Job", "metadata": ` + queuedMeta + `, "spec": {"template": {"spec": ` + fmt.Sprintf(queuedSpec, "Never") + `}}}`,
		".spec.template.spec", ".spec.suspend", "true",
	},
	{
		"Pod", `{"apiVersion": "v1", "kind": "Pod", "metadata": ` + queuedMeta + `, "spec": ` + fmt.Sprintf(queuedSpec, "Never") + `}`,
		".spec", ".spec.schedulingGates[*].name", "kueue.x-k8s.io/admission",
	},
	{
		"Deployment", `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": ` + queuedMeta + `, "spec": {"selector": {"matchLabels": {"app": "train"}},
			"template": {"metadata": {"labels": {"app": "train"}}, "spec": ` + fmt.Sprintf(queuedSpec, "Always") + `}}}`,
		".spec.template.spec", suspendingParent, "deployment",
	},
	{
		"StatefulSet", `{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": ` + queuedMeta + `, "spec": {"serviceName": "train", "selector": {"matchLabels": {"app": "train"}},
			"template": {"metadata": {"labels": {"app": "train"}}, "spec": ` + fmt.Sprintf(queuedSpec, "Always") + `}}}`,
		".spec.template.spec", suspendingParent, "statefulset",
	},
}

// TestKueue: Kueue v0.17.0 gates workloads with native sidecars and leaves these alone, and doctor finds nothing wrong.
func TestKueue(t *testing.T) {
	const path = "sigs.k8s.io/kueue"
	program := built(t, "kueue", path, "./cmd/kueue")
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: version}}})
			startKueue(t, c, filepath.Join(released(t, "kueue", path), "config", "default"), program)
			becomes(t, c, leftOpen("class-3 (namespace default, +2)", "kubectl-sidecar-canary"))
			for _, w := range queued {
				until(t, "Kueue changes a "+w.kind, func(context.Context) error {
					got, err := tryKubectl(t, c, w.object, "create", "--dry-run=server", "-f", "-", "-o",
						"jsonpath={range "+w.spec+".initContainers[*]}{.name}={.restartPolicy} {end}{"+w.sign+"}")
					if want := "proxy=Always " + w.changed; err != nil || !strings.HasPrefix(got, want) {
						return fmt.Errorf("%q, %v; want %q", got, err, want)
					}
					return nil
				})
			}
			ownedPod(t, c)
			apply(t, c, queues)
			for _, w := range queued {
				apply(t, c, w.object)
			}
			// Without the label of a queue, so Kueue looks at who owns its pods; without a controller manager nobody makes the owner.
			apply(t, c, `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop", "namespace": "default"}, "spec": {"selector": {"matchLabels": {"app": "shop"}},
				"template": {"metadata": {"labels": {"app": "shop"}}, "spec": `+podSpec+`}}}`)
			replicaSet(t, c, "shop-5d4", "shop", `, "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop", "controller": true, "uid": "`+
				kubectl(t, c, "", "get", "deployment", "shop", "-o", "jsonpath={.metadata.uid}")+`"}]`)
			admitted(t, c)
			becomes(t, c, leftOpen())
		})
	}
}

// leftOpen is what doctor leaves open of Kueue: what converts its Workloads, newer fields in those, and what becomes of
// these pods that a ReplicaSet owns, with the beginning of its name, as long as there is none in their namespaces: Kueue looks
// up who owns a pod.
func leftOpen(pods ...string) []string {
	out := []string{
		"crd-prunes-restart-policy: unknown customresourcedefinition/workloads.kueue.x-k8s.io: a webhook converts every Workload between its versions, and whether it keeps restartPolicy of init containers was not tried",
		"webhook-strips-newer-fields: unknown workload/workload: newer fields were not tried in workloads.kueue.x-k8s.io, whose schema may drop them",
	}
	for _, id := range []string{
		"webhook-breaks-canary", "webhook-moves-restart-policy", "webhook-removes-sidecar", "webhook-strips-newer-fields", "webhook-strips-restart-policy",
	} {
		for pair := range slices.Chunk(pods, 2) {
			out = append(out, fmt.Sprintf(`%s: unknown %s: the canary was refused: admission webhook "mpod.kb.io" denied the request: ReplicaSet.apps "%s-7d9c5b6f48" not found`, id, pair[0], pair[1]))
		}
	}
	slices.Sort(out)
	return out
}

// ownedPod: a pod keeps its native sidecar when the ReplicaSet exists that owns it.
func ownedPod(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	replicaSet(t, c, "web", "web", "")
	uid := kubectl(t, c, "", "get", "replicaset", "web", "-o", "jsonpath={.metadata.uid}")
	until(t, "Kueue lets the pod of a ReplicaSet be", func(context.Context) error {
		got, err := sidecars(t, c, "default", `{"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-", "labels": {"app": "web"}, "ownerReferences": [
			{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "`+uid+`", "controller": true}]}, "spec": `+podSpec+`}`)
		if err != nil || got != "proxy=Always " {
			return fmt.Errorf("%q, %v", got, err)
		}
		return nil
	})
}

// replicaSet makes a ReplicaSet of pods of an app; more goes into its metadata.
func replicaSet(t *testing.T, c *cluster.Cluster, name, app, more string) {
	t.Helper()
	labels := fmt.Sprintf(`"labels": {"app": %q}`, app)
	apply(t, c, `{"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "`+name+`", "namespace": "default", `+labels+more+`}, "spec": {
		"selector": {"matchLabels": {"app": "`+app+`"}}, "template": {"metadata": {`+labels+`}, "spec": `+podSpec+`}}}`)
}

// admitted waits until Kueue lets the Job start, and looks at what it made of its native sidecar.
func admitted(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	until(t, "Kueue admits the Job", func(context.Context) error {
		if suspended := kubectl(t, c, "", "get", "job", "train", "-o", "jsonpath={.spec.suspend}"); suspended != "false" {
			return errors.New("suspended: " + suspended)
		}
		return nil
	})
	got := kubectl(t, c, "", "get", "workloads", "-l", "kueue.x-k8s.io/job-uid="+kubectl(t, c, "", "get", "job", "train", "-o", "jsonpath={.metadata.uid}"), "-o",
		"jsonpath={range .items[*]}{.spec.podSets[*].template.spec.initContainers[*].restartPolicy} {.status.admission.podSetAssignments[*].resourceUsage.cpu}{end}")
	if got != "Always 300m" {
		t.Errorf("the Job's Workload: %q", got)
	}
	// They are stored in another version than this one.
	out := kubectl(t, c, "", "get", "workloads.v1beta1.kueue.x-k8s.io", "-o", "jsonpath={.items[*].spec.podSets[*].template.spec.initContainers[*].restartPolicy}")
	_, got, _ = strings.Cut(out, "\n") // after the warning of a version that is deprecated
	if words := strings.Fields(got); len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return w != "Always" }) {
		t.Errorf("Workloads, converted: %q", out)
	}
}

// startKueue installs what Kueue's release says, and runs its manager instead of its pod. That keeps its own certificate
// in a Secret, and writes the authority of that into its configurations.
func startKueue(t *testing.T, c *cluster.Cluster, config, program string) {
	t.Helper()
	const namespace = "kueue-system"
	// Its API for looking into queues takes a certificate at a fixed place of the machine, and is turned off.
	manifests := without(kubectl(t, c, "", "kustomize", config), "APIService")
	apply(t, c, manifests)
	folder, port := t.TempDir(), freePort(t, c)
	mount(t, c, namespace, "kueue-webhook-server-cert", folder)
	file := filepath.Join(t.TempDir(), "config.yaml")
	own := kubectl(t, c, "", "get", "configmap", "-n", namespace, "kueue-manager-config", "-o", `jsonpath={.data.controller_manager_config\.yaml}`)
	for was, is := range map[string]string{
		"healthProbeBindAddress: :8081": fmt.Sprintf("healthProbeBindAddress: %s:%d", c.Host(), freePort(t, c)),
		"bindAddress: :8443":            `bindAddress: "0"`,
		"  port: 9443":                  fmt.Sprintf("  port: %d\n  host: %s\n  certDir: %s", port, c.Host(), folder),
		"leaderElect: true":             "leaderElect: false",
	} {
		if !strings.Contains(own, was) {
			t.Fatalf("no %q in\n%s", was, own)
		}
		own = strings.Replace(own, was, is, 1)
	}
	check(t, os.WriteFile(file, []byte(own), 0o600))
	check(t, c.RunSoftware(t.Context(), cluster.Software{
		Name: "kueue-controller-manager", Path: program, Namespace: namespace, Account: "kueue-controller-manager",
		Service: "kueue-webhook-service", Port: port, Image: "registry.example/kueue/kueue:v0.17.0",
		Args: []string{"--config=" + file, "--feature-gates=VisibilityOnDemand=false"},
	}))
}

// without leaves the objects of a kind out of manifests.
func without(manifests, kind string) string {
	var left []string
	for part := range strings.SplitSeq(manifests, "\n---\n") {
		if !strings.Contains("\n"+part, "\nkind: "+kind+"\n") {
			left = append(left, part)
		}
	}
	return strings.Join(left, "\n---\n")
}

// mount writes the files of a Secret into a folder once there are any, as a kubelet does for a pod.
func mount(t *testing.T, c *cluster.Cluster, namespace, name, folder string) {
	t.Helper()
	go func() {
		for t.Context().Err() == nil {
			secret, err := c.Client().CoreV1().Secrets(namespace).Get(t.Context(), name, metav1.GetOptions{})
			if err == nil && len(secret.Data[corev1.TLSCertKey]) > 0 {
				for _, key := range []string{corev1.TLSPrivateKeyKey, corev1.TLSCertKey} {
					if err := os.WriteFile(filepath.Join(folder, key), secret.Data[key], 0o600); err != nil {
						t.Error(err)
					}
				}
				return
			}
			time.Sleep(200 * time.Millisecond)
		}
	}()
}
