package ci

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// TestTekton has Tekton read the Task and fill it in, and runs the command of its step.
func TestTekton(t *testing.T) {
	tekton, err := binaries.Program(t.Context(), "test/ci/tekton", ".")
	if err != nil {
		t.Fatal(err)
	}
	reports := t.TempDir()
	task, err := filepath.Abs("../../docs/examples/ci/tekton.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type step struct {
		Image         string
		Command, Args []string
	}
	var steps []step
	out := must(t, reports, tekton, task, "image=registry.example/mine:v1", "args=-f "+snapshot(t), "reports@"+reports)
	if err := json.Unmarshal([]byte(out), &steps); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []step{{Image: "registry.example/mine:v1", Args: []string{
		"doctor", "-o", "text", "-o", "json=" + reports + "/report.json", "-o", "junit=" + reports + "/report.xml", "-f", snapshot(t),
	}}}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Fatalf("steps (-want +got):\n%s", diff)
	}
	if r := run(t, reports, nil, plugin.Path(), steps[0].Args...); r.exit != 3 || !strings.Contains(r.out, "not ready: ") {
		t.Errorf("exit %d\n%s", r.exit, r.out)
	}
	for file, text := range map[string]string{"report.json": `"verdict": "not-ready"`, "report.xml": "<testsuites"} {
		if !strings.Contains(read(t, filepath.Join(reports, file)), text) {
			t.Errorf("%s does not say %s", file, text)
		}
	}
}
