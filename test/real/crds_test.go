//go:build real

package real

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

func TestMain(m *testing.M) {
	os.Exit(plugin.Main(m))
}

// versions are the API servers that the software is installed on.
var versions = []string{"1.32", "1.36", "1.37"}

// custom is a custom resource with a pod template in it, as somebody would write it, and where its init
// containers are.
var custom = []struct {
	module, path string // of the release
	folder       string // with its CRDs
	resource     string // the path of the resources
	object       string
	containers   []string
}{
	{
		module: "argo-rollouts", path: "github.com/argoproj/argo-rollouts", folder: "manifests/crds", resource: "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts",
		object: `{"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"}, "spec": {
			"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "strategy": {"canary": {"steps": [{"setWeight": 20}]}},
			"template": {"metadata": {"labels": {"app": "web"}}, "spec": ` + podSpec + `}}}`,
		containers: []string{"spec", "template", "spec", "initContainers"},
	},
	{
		module: "knative-serving", path: "knative.dev/serving", folder: "config/core/300-resources", resource: "/apis/serving.knative.dev/v1/namespaces/default/services",
		object: `{"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {
			"template": {"spec": ` + podSpec + `}}}`,
		containers: []string{"spec", "template", "spec", "initContainers"},
	},
	{
		module: "kueue", path: "sigs.k8s.io/kueue", folder: "config/components/crd/bases", resource: "/apis/kueue.x-k8s.io/v1beta1/namespaces/default/workloads",
		object: `{"apiVersion": "kueue.x-k8s.io/v1beta1", "kind": "Workload", "metadata": {"name": "train"}, "spec": {
			"queueName": "team", "podSets": [{"name": "main", "count": 1, "template": {"spec": ` + podSpec + `}}]}}`,
		containers: []string{"spec", "podSets", "template", "spec", "initContainers"},
	},
}

const podSpec = `{"containers": [{"name": "app", "image": "example.com/app:1"}],
	"initContainers": [{"name": "proxy", "image": "example.com/proxy:1", "restartPolicy": "Always"}]}`

// TestCustomResources: the CRDs of Argo Rollouts v1.10.2, Knative Serving v0.51.0 and Kueue v0.17.0 keep
// restartPolicy in the templates of their resources, and doctor says so.
func TestCustomResources(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: version}}})
			for _, software := range custom {
				install(t, c, filepath.Join(released(t, software.module, software.path), software.folder))
			}
			for _, software := range custom {
				if got := stored(t, c, software.resource, software.object, software.containers); got != "Always" {
					t.Errorf("%s: restartPolicy of the init container came back as %q", software.module, got)
				}
			}
			r := plugin.Run(t, c.Kubeconfig, "doctor", "-o", "json", "--checks", "crd-prunes-restart-policy")
			for _, e := range r.Report(t).Checks {
				if e.ID != "crd-prunes-restart-policy" {
					continue
				}
				t.Log(e.Tried)
				if e.Status != checks.Pass {
					t.Errorf("doctor: %s\n%s", e.Status, r.Stdout)
				}
			}
		})
	}
}

// released is the folder of a released module, as test/webhooks/real requires it.
func released(t *testing.T, module, path string) string {
	t.Helper()
	root, err := binaries.Root()
	check(t, err)
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", path)
	cmd.Dir, cmd.Stderr = filepath.Join(root, "test", "webhooks", "real", module), os.Stderr
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=auto") // a release can ask for a newer one than we do
	out, err := cmd.Output()
	check(t, err)
	var got struct{ Dir string }
	check(t, json.Unmarshal(out, &got))
	return got.Dir
}

// install creates the CRDs in the files of a folder.
func install(t *testing.T, c *cluster.Cluster, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	check(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(t, err)
		for part := range strings.SplitSeq(string(text), "\n---\n") {
			var object unstructured.Unstructured
			check(t, yaml.Unmarshal([]byte(part), &object.Object))
			if object.GetKind() == "CustomResourceDefinition" {
				check(t, post(t, c, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &object, &object))
			}
		}
	}
}

// stored is the restartPolicy of the first init container of an object, as the API server keeps it.
func stored(t *testing.T, c *cluster.Cluster, path, text string, containers []string) string {
	t.Helper()
	var sent, kept unstructured.Unstructured
	check(t, json.Unmarshal([]byte(text), &sent.Object))
	var err error
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(200 * time.Millisecond) { // until the CRD is served
		if err = post(t, c, path, &sent, &kept); err == nil {
			break
		}
	}
	check(t, err)
	var at any = kept.Object
	for _, field := range containers {
		at = first(at).(map[string]any)[field]
	}
	policy, _ := first(at).(map[string]any)["restartPolicy"].(string)
	return policy
}

// first is the first of a list, and anything else itself.
func first(v any) any {
	if list, ok := v.([]any); ok {
		return list[0]
	}
	return v
}

func post(t *testing.T, c *cluster.Cluster, path string, object, got *unstructured.Unstructured) error {
	t.Helper()
	body, err := object.MarshalJSON()
	check(t, err)
	out, err := c.Client().Discovery().RESTClient().Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body(body).DoRaw(t.Context())
	if err != nil {
		return err
	}
	return got.UnmarshalJSON(out)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
