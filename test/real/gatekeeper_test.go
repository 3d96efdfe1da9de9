//go:build real

package real

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
)

const webPod = `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": ` + podSpec + `}`

// mutator is a mutator of Gatekeeper for pods.
func mutator(kind, location, parameters string) string {
	return fmt.Sprintf(`{"apiVersion": "mutations.gatekeeper.sh/v1", "kind": %q, "metadata": {"name": "ours"}, "spec": {
		"applyTo": [{"groups": [""], "kinds": ["Pod"], "versions": ["v1"]}],
		"match": {"scope": "Namespaced", "namespaces": ["default"]}, "location": %q, "parameters": %s}}`, kind, location, parameters)
}

// noRestartPolicy is a constraint from the days when only a pod had a restartPolicy, with its template.
const noRestartPolicy = `
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: norestartpolicy}
spec:
  crd: {spec: {names: {kind: NoRestartPolicy}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package norestartpolicy
      violation[{"msg": msg}] {
        c := input.review.object.spec.initContainers[_]
        c.restartPolicy
        msg := sprintf("%v has a restartPolicy", [c.name])
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NoRestartPolicy
metadata: {name: ours}
spec: {match: {kinds: [{apiGroups: [""], kinds: [Pod]}]}}
`

// TestGatekeeper: mutators of Gatekeeper v3.23.1 that reach init containers leave native sidecars alone, and those that
// replace what makes one are named; so is its webhook where a constraint refuses them.
func TestGatekeeper(t *testing.T) {
	const path = "github.com/open-policy-agent/gatekeeper/v3"
	program := built(t, "gatekeeper", path, ".")
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: version}}})
			apply(t, c, read(t, filepath.Join(released(t, "gatekeeper", path), "deploy", "gatekeeper.yaml")))
			runGatekeeper(t, c, program)
			for _, scene := range gatekeeperScenes(version) {
				t.Run(scene.name, func(t *testing.T) {
					apply(t, c, scene.manifest)
					until(t, "it acts", func(context.Context) error {
						if got, err := sidecars(t, c, "default", webPod); !strings.Contains(got, scene.pod) {
							return fmt.Errorf("%q, %v", got, err)
						}
						return nil
					})
					becomes(t, c, scene.want)
					kubectl(t, c, scene.manifest, "delete", "-f", "-")
				})
			}
		})
	}
}

func runGatekeeper(t *testing.T, c *cluster.Cluster, program string) {
	t.Helper()
	certificates := certificate(t, c, "gatekeeper-webhook-service", "gatekeeper-system")
	check(t, c.RunSoftware(t.Context(), cluster.Software{
		Name: "gatekeeper-controller-manager", Path: program, Namespace: "gatekeeper-system", Account: "gatekeeper-admin",
		Service: "gatekeeper-webhook-service", Port: 8443, Image: "openpolicyagent/gatekeeper:v3.23.1",
		Env: []string{"POD_NAMESPACE=gatekeeper-system", "POD_NAME=gatekeeper-controller-manager", "NAMESPACE=gatekeeper-system", "CONTAINER_NAME=manager"},
		Args: []string{
			"--port=8443", "--host=" + c.Host(), "--health-addr=" + c.Host() + ":9090", "--prometheus-port=18888", "--logtostderr", "--exempt-namespace=gatekeeper-system",
			"--operation=webhook", "--operation=mutation-webhook", "--operation=mutation-controller", "--operation=generate",
			"--disable-cert-rotation", "--cert-dir=" + certificates,
		},
	}))
}

// A gatekeeperScene is a manifest, what the API server then makes of webPod, and what doctor says.
type gatekeeperScene struct {
	name, manifest, pod string
	want                []string
}

func gatekeeperScenes(version string) []gatekeeperScene {
	const (
		hook       = "MutatingWebhook gatekeeper-mutating-webhook-configuration/mutation.gatekeeper.sh: "
		everywhere = " in 4 namespaces (default, kube-node-lease, kube-public, kube-system)"
		unasked    = "webhook-breaks-canary: unknown class-1 (namespace default, +3): the canary had lost its native sidecar before these were asked"
		frozen     = "webhook-breaks-pod-updates: " + hook + "no pod with a native sidecar can be updated" + everywhere
	)
	never := gatekeeperScene{
		"assigns the policy", mutator("Assign", "spec.initContainers[name: *].restartPolicy", `{"assign": {"value": "Never"}}`),
		"proxy=Never ", []string{unasked, frozen, "webhook-strips-restart-policy: " + hook + "native sidecars lose restartPolicy: Always" + everywhere},
	}
	if version == "1.32" { // init containers have no other policy there, and without a sidecar it is refused as well
		never.pod = "Unsupported value"
		never.want = append(untold("Pod ", "webhook-breaks-canary", "webhook-moves-restart-policy", "webhook-removes-sidecar", "webhook-strips-newer-fields", "webhook-strips-restart-policy"), frozen)
		slices.Sort(never.want)
	}
	return []gatekeeperScene{
		{"assigns a field", mutator("Assign", "spec.initContainers[name: *].imagePullPolicy", `{"assign": {"value": "Always"}}`), "proxy=Always ", nil},
		{"adds to a set", mutator("ModifySet", "spec.initContainers[name: *].args", `{"operation": "merge", "values": {"fromList": ["--quiet"]}}`), "proxy=Always ", nil},
		never,
		{
			"assigns the list", mutator("Assign", "spec.initContainers", `{"assign": {"value": [{"name": "setup", "image": "example.com/setup:1"}]}}`),
			"setup= ", []string{unasked, frozen, "webhook-removes-sidecar: " + hook + "init containers are removed from pods" + everywhere},
		},
		{
			"refuses", noRestartPolicy, "proxy has a restartPolicy", append(
				[]string{"webhook-breaks-canary: AdmissionWebhook validation.gatekeeper.sh: pods with a native sidecar are refused" + everywhere},
				untold(`admission webhook "validation.gatekeeper.sh" denied the request: [ours] canary-sidecar has a restartPolicy`,
					"webhook-moves-restart-policy", "webhook-removes-sidecar", "webhook-strips-newer-fields", "webhook-strips-restart-policy")...),
		},
	}
}

// untold are the checks that a refused canary leaves open.
func untold(refusal string, ids ...string) []string {
	var out []string
	for _, id := range ids {
		out = append(out, id+": unknown class-1 (namespace default, +3): the canary was refused: "+refusal)
	}
	return out
}
