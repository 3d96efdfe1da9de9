//go:build real

package real

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// daprInstalled is what Dapr's chart (charts/dapr of the release) installs for its injector in namespace dapr-system, with
// the chart's default values; of the scheduler only how many there are, which the injector asks for before it serves.
const daprInstalled = `
apiVersion: v1
kind: Namespace
metadata: {name: dapr-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: dapr-injector, namespace: dapr-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: dapr-sentry, namespace: dapr-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: dapr-injector}
rules:
- {apiGroups: [""], resources: [serviceaccounts], verbs: [get, list]}
- {apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations], verbs: [patch], resourceNames: [dapr-sidecar-injector]}
- {apiGroups: [dapr.io], resources: [components], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: dapr-injector}
subjects: [{kind: ServiceAccount, name: dapr-injector, namespace: dapr-system}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: dapr-injector}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: dapr-injector, namespace: dapr-system}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [get], resourceNames: [dapr-trust-bundle]}
- {apiGroups: [dapr.io], resources: [configurations], verbs: [get]}
- {apiGroups: [apps], resources: [statefulsets], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: dapr-injector, namespace: dapr-system}
subjects: [{kind: ServiceAccount, name: dapr-injector, namespace: dapr-system}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: dapr-injector}
---
apiVersion: v1
kind: Service
metadata: {name: dapr-sentry, namespace: dapr-system}
spec:
  selector: {app: dapr-sentry}
  ports: [{name: grpc, port: 443, targetPort: 50001}, {name: metrics, port: 9090, targetPort: 9090}]
---
apiVersion: v1
kind: Service
metadata: {name: dapr-sidecar-injector, namespace: dapr-system}
spec:
  selector: {app: dapr-sidecar-injector}
  ports: [{name: https, port: 443, targetPort: https}, {name: metrics, port: 9090, targetPort: 9090}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: dapr-scheduler-server, namespace: dapr-system}
spec:
  replicas: 1
  serviceName: dapr-scheduler-server
  selector: {matchLabels: {app: dapr-scheduler-server}}
  template:
    metadata:
      labels: {app: dapr-scheduler-server}
      annotations: {dapr.io/control-plane: scheduler}
    spec:
      containers: [{name: dapr-scheduler-server, image: dapr/scheduler:1.14.0}]
---
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: daprsystem, namespace: dapr-system}
spec:
  mtls:
    enabled: true
    workloadCertTTL: 24h
    allowedClockSkew: 15m
    controlPlaneTrustDomain: cluster.local
    sentryAddress: dapr-sentry.dapr-system.svc.cluster.local:443
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: dapr-sidecar-injector, labels: {app: dapr-sidecar-injector}}
webhooks:
- name: sidecar-injector.dapr.io
  reinvocationPolicy: IfNeeded
  clientConfig: {service: {namespace: dapr-system, name: dapr-sidecar-injector, path: /mutate}}
  rules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
  failurePolicy: Ignore
  sideEffects: None
  admissionReviewVersions: [v1, v1beta1]
`

// daprControllers are accounts that a controller manager would have; the injector acts for no other user but administrators.
const daprControllers = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: replicaset-controller, namespace: kube-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: statefulset-controller, namespace: kube-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: daemon-set-controller, namespace: kube-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: job-controller, namespace: kube-system}
`

const (
	daprMetadata = `{"labels": {"app": "web"}, "annotations": {"dapr.io/enabled": "true", "dapr.io/app-id": "web"}}`
	daprWorkload = `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"}, "spec": {
		"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": ` + daprMetadata + `, "spec": ` + podSpec + `}}}`
	daprPod = `{"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-", "labels": {"app": "web"},
		"annotations": {"dapr.io/enabled": "true", "dapr.io/app-id": "web"}}, "spec": ` + podSpec + `}`
)

// TestDapr: the injector of Dapr v1.14.0 adds daprd as a regular container, and leaves the pod's own native sidecar alone.
func TestDapr(t *testing.T) {
	const path = "github.com/dapr/dapr"
	injector, sentry := built(t, "dapr", path, "./cmd/injector"), built(t, "dapr", path, "./cmd/sentry")
	crds := filepath.Join(released(t, "dapr", path), "charts", "dapr", "crds")
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: version}}})
			apply(t, c, read(t, filepath.Join(crds, "configuration.yaml"))+"\n---\n"+read(t, filepath.Join(crds, "components.yaml")))
			apply(t, c, daprInstalled)
			apply(t, c, daprControllers)
			runDapr(t, c, injector, sentry)
			apply(t, c, daprWorkload)
			until(t, "the injector acts", func(ctx context.Context) error {
				got, err := createdBy(ctx, c, "replicaset-controller", daprPod)
				if err != nil || got != "proxy=Always app daprd " {
					return fmt.Errorf("%q, %v", got, err)
				}
				return nil
			})
			becomes(t, c, nil)
			injects(t, c)
			t.Run("takes canaries for pods of controllers", func(t *testing.T) {
				log := read(t, filepath.Join(c.Dir(), "logs", "dapr-sidecar-injector.log"))
				for line := range strings.SplitSeq(log, "\n") {
					if strings.Contains(line, "not on the list of allowed controller accounts") {
						t.Fatal(line) // it lets the canary through as it is, and doctor learns nothing of what it does to pods
					}
				}
			})
		})
	}
}

// runDapr runs the injector, and sentry for its certificate: not in Kubernetes, where it would want the tokens of pods.
func runDapr(t *testing.T, c *cluster.Cluster, injector, sentry string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	check(t, os.WriteFile(config, []byte("apiVersion: dapr.io/v1alpha1\nkind: Configuration\n"), 0o600))
	port, health := freePort(t, c), freePort(t, c)
	check(t, c.RunSoftware(t.Context(), cluster.Software{
		Name: "dapr-sentry", Path: sentry, Namespace: "dapr-system", Account: "dapr-sentry", Service: "dapr-sentry", Port: port, Image: "dapr/sentry:1.14.0",
		Env: []string{"NAMESPACE=dapr-system"},
		Args: []string{
			"--config=" + config, "--issuer-credentials=" + dir, "--trust-domain=cluster.local",
			fmt.Sprintf("--port=%d", port), fmt.Sprintf("--healthz-port=%d", health), "--enable-metrics=false",
		},
	}))
	address := net.JoinHostPort(c.Host(), strconv.Itoa(int(port)))
	port, health = freePort(t, c), freePort(t, c)
	check(t, c.RunSoftware(t.Context(), cluster.Software{
		Name: "dapr-sidecar-injector", Path: injector, Namespace: "dapr-system", Account: "dapr-injector",
		Service: "dapr-sidecar-injector", Port: port, Image: "dapr/injector:1.14.0",
		Env: []string{
			"NAMESPACE=dapr-system", "SIDECAR_IMAGE=dapr/daprd:1.14.0", "SIDECAR_IMAGE_PULL_POLICY=IfNotPresent", "KUBE_CLUSTER_DOMAIN=cluster.local",
			"DAPR_TRUST_ANCHORS_FILE=" + filepath.Join(dir, "ca.crt"), "DAPR_CONTROL_PLANE_TRUST_DOMAIN=cluster.local", "DAPR_SENTRY_ADDRESS=" + address,
			"ACTORS_ENABLED=true", "ACTORS_SERVICE_NAME=placement", "ACTORS_SERVICE_ADDRESS=dapr-placement-server:50005",
		},
		Args: []string{"--kubeconfig=$(KUBECONFIG)", fmt.Sprintf("--port=%d", port), fmt.Sprintf("--healthz-port=%d", health), "--enable-metrics=false"},
	}))
}

// injects asks doctor what the injector injects.
func injects(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	const id, want = "injector-native-sidecars", "Dapr 1.14.0 puts sidecars into pods as regular containers"
	r := plugin.Run(t, c.Kubeconfig, "doctor", "-o", "json", "--checks", id)
	var got []string
	for _, e := range r.Report(t).Checks {
		for _, f := range e.Findings {
			got = append(got, f.Message)
		}
		for _, g := range e.Missing {
			got = append(got, g.Reason)
		}
	}
	if len(got) != 1 || got[0] != want {
		t.Errorf("%s: %q, want %q", id, got, want)
	}
}

// createdBy are the containers of a pod as the API server would store it, created by a controller of the controller
// manager, with its token: init containers with their restartPolicy, then the others.
func createdBy(ctx context.Context, c *cluster.Cluster, controller, text string) (string, error) {
	token, err := c.Client().CoreV1().ServiceAccounts(metav1.NamespaceSystem).CreateToken(ctx, controller, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	config := rest.AnonymousClientConfig(c.Config())
	config.BearerToken = token.Status.Token
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", err
	}
	var pod corev1.Pod
	if err := json.Unmarshal([]byte(text), &pod); err != nil {
		return "", err
	}
	got, err := client.CoreV1().Pods(metav1.NamespaceDefault).Create(ctx, &pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return "", err
	}
	var out string
	for _, container := range got.Spec.InitContainers {
		policy := "none"
		if container.RestartPolicy != nil {
			policy = string(*container.RestartPolicy)
		}
		out += container.Name + "=" + policy + " "
	}
	for _, container := range got.Spec.Containers {
		out += container.Name + " "
	}
	return out, nil
}
