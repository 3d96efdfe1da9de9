package formats_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
)

const reportsAPI = "github.com/openreports/reports-api"

// TestOpenReportsTypes runs the tests of the module that knows the project's types.
func TestOpenReportsTypes(t *testing.T) {
	out, err := exec.Command("go", "-C", "openreports", "test", "-count=1", ".").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestOpenReportsApply gives every object to a real API server that has the project's own definitions,
// with kubectl and as strictly as it goes. It keeps what was printed, to the last field, and however
// often they are applied there is one object for each command.
func TestOpenReportsApply(t *testing.T) {
	c := cluster.StartFor(t, cluster.Config{APIServers: []cluster.Component{{Version: "1.36"}}})
	k := newKubectl(t, c)
	k.run("apply", "-f", filepath.Join(moduleDir(t, "openreports", reportsAPI), "config", "crd"))
	k.run("wait", "--for=condition=Established", "--timeout=60s", "crd/clusterreports.openreports.io", "crd/reports.openreports.io")
	each := map[string]bool{}
	for _, file := range goldens(t, "pkg/print/testdata/*/openreports.yaml") {
		want := readObject(t, file)
		name := want["metadata"].(map[string]any)["name"].(string)
		each[name] = true
		for _, how := range [][]string{{}, {"--server-side", "--force-conflicts"}} {
			k.run(append([]string{"apply", "--validate=strict", "-f", file}, how...)...)
			var got map[string]any
			if err := json.Unmarshal([]byte(k.run("get", "clusterreport", name, "-o", "json")), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, printed(got)); diff != "" {
				t.Errorf("%s, apply %v (-printed +kept):\n%s", file, how, diff)
			}
		}
	}
	if names := strings.Fields(k.run("get", "clusterreports", "-o", "name")); len(names) != len(each) || len(each) != 2 { // of doctor and of lint
		t.Errorf("there are %v, of %v", names, each)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	data, err := os.ReadFile(goldens(t, "pkg/print/testdata/ready/openreports.yaml")[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(wrong, bytes.Replace(data, []byte("result: pass"), []byte("result: fine"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := k.command("apply", "-f", wrong).CombinedOutput(); err == nil {
		t.Errorf("a result that there is not is taken: %s", out)
	}
}

// printed is an object without what the API server and kubectl add.
func printed(object map[string]any) map[string]any {
	metadata := object["metadata"].(map[string]any)
	for _, field := range []string{"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"} {
		delete(metadata, field)
	}
	delete(metadata["annotations"].(map[string]any), "kubectl.kubernetes.io/last-applied-configuration")
	return object
}

func readObject(t *testing.T, file string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := yaml.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// moduleDir is where the files of a module are that the module in dir requires.
func moduleDir(t *testing.T, dir, path string) string {
	t.Helper()
	for _, args := range [][]string{{"mod", "download", path}, {"list", "-m", "-f", "{{.Dir}}", path}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %v: %v", args, err)
		}
		if args[0] == "list" {
			return strings.TrimSpace(string(out))
		}
	}
	return ""
}

// kubectl is the real one, as the administrator of a cluster.
type kubectl struct {
	t                *testing.T
	path, kubeconfig string
}

func newKubectl(t *testing.T, c *cluster.Cluster) *kubectl {
	t.Helper()
	path, err := binaries.Kubernetes(t.Context(), "1.36", "kubectl")
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := c.UserKubeconfig("administrator", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	return &kubectl{t: t, path: path, kubeconfig: kubeconfig}
}

func (k *kubectl) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(k.t.Context(), k.path, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+k.kubeconfig, "HOME="+k.t.TempDir())
	return cmd
}

// run returns what kubectl printed; an error of it ends the test.
func (k *kubectl) run(args ...string) string {
	k.t.Helper()
	cmd := k.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		k.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}
