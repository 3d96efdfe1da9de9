//go:build real

package real

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

// none is the restartPolicy where there is no init container at all.
const none = "none"

// untriedFields is left open of every custom resource that a mutating webhook sees.
var untriedFields = []string{
	"webhook-strips-newer-fields: unknown configuration/workload: newer fields were not tried in configurations.serving.knative.dev, whose schema may drop them",
	"webhook-strips-newer-fields: unknown revision/workload: newer fields were not tried in revisions.serving.knative.dev, whose schema may drop them",
	"webhook-strips-newer-fields: unknown service/workload: newer fields were not tried in services.serving.knative.dev, whose schema may drop them",
}

// TestKnative: the webhook of Knative Serving v0.42.2 denies native sidecars in its resources, whether init containers
// are allowed there or not, and doctor says what it can know of that.
func TestKnative(t *testing.T) {
	const module, path = "knative-serving-v0.42", "knative.dev/serving"
	program := built(t, module, path, "./cmd/webhook")
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: version}}})
			startKnative(t, c, filepath.Join(released(t, module, path), "config", "core"), program)
			apply(t, c, knativeText("hello", none))
			for _, scene := range []struct {
				flag             string
				ordinary, native string // why a Knative Service with such an init container is denied, if it is
				want             []string
			}{
				{
					flag:     "disabled",
					ordinary: "must not set the field(s): spec.template.spec.initContainers",
					native:   "must not set the field(s): spec.template.spec.initContainers",
					want: []string{
						"webhook-breaks-canary: AdmissionWebhook validation.webhook.serving.knative.dev: templates of Configurations, Revisions and Services in 5 namespaces (default, knative-serving, kube-node-lease, kube-public, kube-system) are refused with any init container, native sidecars among them",
					},
				},
				{
					flag: "enabled",
					// The number is that among init containers.
					native: "must not set the field(s): spec.template.spec.containers[0].restartPolicy",
					want: []string{
						"webhook-breaks-canary: AdmissionWebhook validation.webhook.serving.knative.dev: templates of Configurations, Revisions and Services in 5 namespaces (default, knative-serving, kube-node-lease, kube-public, kube-system) are refused with a native sidecar",
					},
				},
			} {
				t.Run(scene.flag, func(t *testing.T) {
					kubectl(t, c, "", "patch", "configmap", "config-features", "-n", "knative-serving", "--type=merge",
						"-p", fmt.Sprintf(`{"data": {"kubernetes.podspec-init-containers": %q}}`, scene.flag))
					until(t, "the webhook acts on its flags", func(context.Context) error {
						return errors.Join(knativeService(t, c, none, ""), knativeService(t, c, "", scene.ordinary), knativeService(t, c, "Always", scene.native))
					})
					becomes(t, c, append(scene.want, untriedFields...))
				})
			}
		})
	}
}

// startKnative installs what Knative Serving's release says, and runs its webhook instead of its pod. That keeps its own
// certificate in a Secret, and writes the authority of that into its configurations.
func startKnative(t *testing.T, c *cluster.Cluster, config, program string) {
	t.Helper()
	for _, part := range []string{
		"100-namespace.yaml", "200-serviceaccount.yaml", "200-roles/*.yaml", "300-resources/*.yaml", "configmaps/*.yaml",
		"webhooks/*.yaml", "deployments/webhook.yaml",
	} {
		files, err := filepath.Glob(filepath.Join(config, part))
		check(t, err)
		for _, file := range files {
			apply(t, c, read(t, file))
		}
	}
	// Its role aggregates this one, which takes a controller manager.
	kubectl(t, c, "", "create", "clusterrolebinding", "knative-serving-core", "--clusterrole=knative-serving-core", "--serviceaccount=knative-serving:controller")
	port := freePort(t, c)
	check(t, c.RunSoftware(t.Context(), cluster.Software{
		Name: "webhook", Path: program, Namespace: "knative-serving", Account: "controller",
		Service: "webhook", Port: port, Image: "registry.example/knative-serving/webhook:v0.42.2",
		Env: []string{
			"POD_NAME=webhook", "SYSTEM_NAMESPACE=knative-serving", "CONFIG_LOGGING_NAME=config-logging", "CONFIG_OBSERVABILITY_NAME=config-observability",
			"WEBHOOK_NAME=webhook", fmt.Sprintf("WEBHOOK_PORT=%d", port),
			fmt.Sprintf("METRICS_PROMETHEUS_PORT=%d", freePort(t, c)), fmt.Sprintf("PROFILING_PORT=%d", freePort(t, c)),
		},
	}))
}

// knativeService is an error unless the API server would store a Knative Service with an init container of that
// restartPolicy, or denies it for that reason.
func knativeService(t *testing.T, c *cluster.Cluster, restartPolicy, denied string) error {
	t.Helper()
	out, err := tryKubectl(t, c, knativeText("web", restartPolicy), "create", "--dry-run=server", "-f", "-", "-o",
		"jsonpath={range .spec.template.spec.initContainers[*]}{.name}={.restartPolicy} {end}")
	want := "proxy=" + restartPolicy + " "
	if restartPolicy == none {
		want = "\n" // after a warning
	}
	if denied != "" {
		want = `admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: ` + denied + "\n"
	}
	if (err != nil) != (denied != "") || !strings.Contains(out, want) {
		return fmt.Errorf("restartPolicy %q: %w: %s", restartPolicy, err, out)
	}
	return nil
}

// knativeText is a Knative Service with an init container of that restartPolicy. With none it has no init container.
func knativeText(name, restartPolicy string) string {
	inits := fmt.Sprintf(`"initContainers": [{"name": "proxy", "image": "example.com/proxy:1", "restartPolicy": %q}],`, restartPolicy)
	switch restartPolicy {
	case "":
		inits = `"initContainers": [{"name": "proxy", "image": "example.com/proxy:1"}],`
	case none:
		inits = ""
	}
	return `{"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "` + name + `", "namespace": "default"}, "spec": {
		"template": {"spec": {` + inits + ` "containers": [{"name": "app", "image": "example.com/app:1"}]}}}}`
}

// freePort is one of the cluster's address that nobody listens at.
func freePort(t *testing.T, c *cluster.Cluster) int32 {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(c.Host(), "0"))
	check(t, err)
	defer listener.Close()
	return int32(listener.Addr().(*net.TCPAddr).Port)
}
