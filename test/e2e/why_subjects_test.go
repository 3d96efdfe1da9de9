package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

const unwanted = `
{apiVersion: apps/v1, kind: Deployment, metadata: {name: zero}, spec: {replicas: 0, selector: {matchLabels: {app: zero}}, template: {metadata: {labels: {app: zero}}, spec: {containers: [{name: a, image: a}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: paused}, spec: {paused: true, selector: {matchLabels: {app: paused}}, template: {metadata: {labels: {app: paused}}, spec: {containers: [{name: a, image: a}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: unmade}, spec: {selector: {matchLabels: {app: unmade}}, template: {metadata: {labels: {app: unmade}}, spec: {containers: [{name: a, image: a}]}}}}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: zero}, spec: {replicas: 0, serviceName: a, selector: {matchLabels: {app: zero}}, template: {metadata: {labels: {app: zero}}, spec: {containers: [{name: a, image: a}]}}}}
---
{apiVersion: v1, kind: ReplicationController, metadata: {name: zero}, spec: {replicas: 0, selector: {app: zero}, template: {metadata: {labels: {app: zero}}, spec: {containers: [{name: a, image: a}]}}}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: later}, spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}}
---
{apiVersion: batch/v1, kind: CronJob, metadata: {name: later}, spec: {suspend: true, schedule: "0 3 * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}}}}
---
{apiVersion: batch/v1, kind: CronJob, metadata: {name: never}, spec: {schedule: "0 3 * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}}}}
`

// TestWhyWithoutPods asks a real API server about what has no pods: nothing is wrong with what is to have none, and of
// everything else it is not known.
func TestWhyWithoutPods(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{
		APIServers: []cluster.Component{{Version: "1.36"}}, FakeNodes: []cluster.FakeNode{{Name: "node-1", Version: "1.36"}},
	})
	for _, name := range []string{"shop", "quiet"} {
		if err := c.CreateNamespace(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "unwanted.yaml")
	if err := os.WriteFile(file, []byte(unwanted), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl(t, c, "apply", "-n", "shop", "-f", file)
	// An aggregated API that is down.
	kubectl(t, c, "create", "service", "externalname", "down", "--external-name=down.invalid", "-n", "quiet")
	down := filepath.Join(t.TempDir(), "down.yaml")
	if err := os.WriteFile(down, []byte(`{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.down.example.com}, spec: {group: down.example.com, version: v1, groupPriorityMinimum: 1000, versionPriority: 1, insecureSkipTLSVerify: true, service: {namespace: quiet, name: down}}}
---
{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: rolled-1, ownerReferences: [{apiVersion: down.example.com/v1, kind: Rolled, name: rolled, uid: r, controller: true}]}, spec: {replicas: 1, selector: {matchLabels: {app: rolled}}, template: {metadata: {labels: {app: rolled}}, spec: {containers: [{name: a, image: a}]}}}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl(t, c, "apply", "-n", "shop", "-f", down)
	for _, test := range []struct {
		args string
		exit int
		want string
	}{
		{"deploy/zero", 0, "√ nothing is wrong: deployment/shop/zero wants no pods: it is scaled to 0"},
		{"deploy/paused", 0, "√ nothing is wrong: deployment/shop/paused makes no pods: its rollout is paused"},
		{"sts/zero", 0, "√ nothing is wrong: statefulset/shop/zero wants no pods: it is scaled to 0"},
		{"rc/zero", 0, "√ nothing is wrong: replicationcontroller/shop/zero wants no pods: it is scaled to 0"},
		{"job/later", 0, "√ nothing is wrong: job/shop/later wants no pods: it is suspended"},
		{"cronjob/later", 0, "√ nothing is wrong: cronjob/shop/later wants no pods: it is suspended"},
		{"deploy/zero sts/zero", 0, "√ nothing is wrong: deployment/shop/zero wants no pods: it is scaled to 0; statefulset/shop/zero wants no pods: it is scaled to 0"},
		{"deploy/unmade", 4, "? could not tell whether anything is wrong with deployment/shop/unmade: Deployment shop/unmade has no pods"},
		{"cronjob/never", 4, "? could not tell whether anything is wrong with cronjob/shop/never: CronJob shop/never has no pods"},
		{"deploy/zero deploy/unmade", 4, "? could not tell whether anything is wrong with the pods that were looked at: Deployment shop/unmade has no pods"},
		{"pvc/data", 4, "? could not tell whether anything is wrong with persistentvolumeclaim/shop/data: no pods of namespace shop use PersistentVolumeClaim data"},
		{"node/node-1", 4, "? could not tell whether anything is wrong with node/node-1: no pods are on node node-1"},
		{"svc/kubernetes -n default", 4, "? could not tell whether anything is wrong with service/default/kubernetes: Service default/kubernetes has no selector, and its endpoints are no pods"},
		{"ns/quiet", 0, "√ nothing is wrong with namespace/quiet: there are no pods in trouble"},
		{"-n quiet", 0, "√ nothing is wrong with the pods that were looked at: there are no pods in trouble"},
		{"ns/nowhere", 1, "error: namespace nowhere does not exist"},
		{"-n nowhere", 1, "error: namespace nowhere does not exist"},
		{"ns/quiet deploy/zero", 1, "error: a namespace is asked about alone: kubectl sidecar why -n quiet"},
		{"node/node-2", 1, "error: node node-2 does not exist"},
		{"deploy/zeor", 1, `error: reading deploy/zeor in namespace shop: deployments.apps "zeor" not found hint: did you mean deploy/zero? Else see what there is: kubectl get pods,deployments,jobs -n shop`},
		{"unmade", 1, `error: reading pod unmade in namespace shop: pods "unmade" not found hint: did you mean deploy/unmade? Else see`},
		{"pod/nothing-like-it", 1, `error: reading pod nothing-like-it in namespace shop: pods "nothing-like-it" not found hint: see what there is: kubectl get pods,deployments,jobs -n shop`},
		{"rollout/web", 1, `error: reading rollout/web: the server doesn't have a resource type "rollout"; not all APIs could be listed: down.example.com/v1: `},
	} {
		t.Run(test.args, func(t *testing.T) {
			args := append([]string{"why", "-n", "shop"}, strings.Fields(test.args)...)
			r := plugin.Run(t, c.Kubeconfig, args...)
			all := strings.Join(strings.Fields(r.Stdout+r.Stderr), " ")
			if r.Exit != test.exit || !strings.HasPrefix(all, test.want) {
				t.Errorf("exit %d, want %d and %q\n%s%s", r.Exit, test.exit, test.want, r.Stdout, r.Stderr)
			}
		})
	}
	r := plugin.Run(t, c.Kubeconfig, "doctor", "-n", "nowhere", "--checks", "webhook-strips-restart-policy")
	if all := strings.Join(strings.Fields(r.Stdout), " "); r.Exit != 4 || !strings.Contains(all, "namespace nowhere does not exist") {
		t.Errorf("doctor -n nowhere: exit %d\n%s%s", r.Exit, r.Stdout, r.Stderr)
	}
}
