package ci

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/test/cluster/binaries"
	"github.com/kubectl-sidecar/kubectl-sidecar/test/plugin"
)

// workflow uses the action in every way; its last step writes down what came of it.
const workflow = `on: push
jobs:
  doctor:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/checkout@v4
    - id: fails
      uses: ./
      continue-on-error: true
      with: {binary: "%[3]s/wrapper", args: "-f %[2]s"}
    - id: leaves-it
      uses: ./
      continue-on-error: true
      with: {binary: %[1]q, args: "-f %[2]s", fail-on: never, output: "junit=%[3]s/report.xml html=%[3]s/report.html"}
    - id: nothing-new
      uses: ./
      continue-on-error: true
      with: {binary: %[1]q, args: "-f %[2]s", baseline: "%[3]s/baseline.yaml"}
    - id: downloads
      uses: ./
      continue-on-error: true
      with: {version: v0.1.0, download-url: %[4]q, args: "-f %[2]s", fail-on: warning}
    - id: is-tampered-with
      uses: ./
      continue-on-error: true
      with: {version: v0.1.1, download-url: %[4]q, args: "-f %[2]s"}
    - id: has-no-version
      uses: ./
      continue-on-error: true
      with: {args: "-f %[2]s"}
    - id: is-misspelt
      uses: ./
      continue-on-error: true
      with: {binary: %[1]q, args: --no-such-flag}
    - env:
        STEPS: ${{ toJSON(steps) }}
        SARIF: ${{ steps.fails.outputs.sarif }}
      run: |
        printf '%%s' "$STEPS" >%[3]s/steps.json
        cp "$SARIF" %[3]s/report.sarif
`

// TestAction runs the action with act, on this machine, as GitHub's runner would.
func TestAction(t *testing.T) {
	act, err := binaries.Program(t.Context(), "test/ci/runners", "github.com/nektos/act")
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if r := run(t, out, nil, plugin.Path(), "baseline", "-f", snapshot(t), "-o", "baseline.yaml"); r.exit != 0 {
		t.Fatalf("baseline: exit %d\n%s", r.exit, r.out)
	}
	// Every step has a summary of its own, which the runner takes away.
	wrapper := fmt.Sprintf("#!/bin/sh\n%s \"$@\"\ncode=$?\ncp \"$GITHUB_STEP_SUMMARY\" %s/summary.md\nexit $code\n", plugin.Path(), out)
	if err := os.WriteFile(filepath.Join(out, "wrapper"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	dir := repository(t, map[string]string{
		"action.yml":                read(t, "../../action.yml"),
		".github/workflows/ci.yaml": fmt.Sprintf(workflow, plugin.Path(), snapshot(t), out, releases(t)),
	})
	home := t.TempDir()
	env := []string{"HOME=" + home, "XDG_CACHE_HOME=" + home, "XDG_CONFIG_HOME=" + home, "KUBECONFIG=" + os.DevNull}
	r := run(t, dir, env, act, "push", "--platform", "ubuntu-latest=-self-hosted", "--no-cache-server")
	if r.exit != 0 {
		t.Fatalf("act: exit %d\n%s", r.exit, r.out)
	}
	var steps map[string]struct {
		Outcome string
		Outputs map[string]string
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(out, "steps.json"))), &steps); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for id, s := range steps {
		if _, ok := s.Outputs["verdict"]; ok { // not a step of the test's own
			got[id] = fmt.Sprintf("%s: verdict %q, exit code %q, SARIF %t", s.Outcome, s.Outputs["verdict"], s.Outputs["exit-code"], s.Outputs["sarif"] != "")
		}
	}
	want := map[string]string{
		"fails":            `failure: verdict "not-ready", exit code "3", SARIF true`,
		"leaves-it":        `success: verdict "not-ready", exit code "0", SARIF true`,
		"nothing-new":      `success: verdict "ready", exit code "0", SARIF true`,
		"downloads":        `failure: verdict "not-ready", exit code "3", SARIF true`,
		"is-tampered-with": `failure: verdict "", exit code "", SARIF false`,
		"has-no-version":   `failure: verdict "", exit code "", SARIF false`,
		"is-misspelt":      `failure: verdict "unknown", exit code "2", SARIF false`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what came of the steps (-want +got):\n%s\n%s", diff, r.out)
	}
	for file, text := range map[string]string{
		"report.sarif": `"version": "2.1.0"`, "report.xml": "<testsuites", "report.html": "<html", "summary.md": "not ready",
	} {
		if !strings.Contains(read(t, filepath.Join(out, file)), text) {
			t.Errorf("%s does not say %s", file, text)
		}
	}
	for _, text := range []string{"::error title=kubectl sidecar doctor", "FAILED", `"" is not a release`} {
		if !strings.Contains(r.out, text) {
			t.Errorf("the log does not say %q:\n%s", text, r.out)
		}
	}
}

// TestWorkflow lints the example, with the action of this tree in place of the released one, so that the
// outputs that it uses are those that there are.
func TestWorkflow(t *testing.T) {
	actionlint, err := binaries.Program(t.Context(), "test/ci/runners", "github.com/rhysd/actionlint/cmd/actionlint")
	if err != nil {
		t.Fatal(err)
	}
	example := read(t, "../../docs/examples/ci/github.yaml")
	local := strings.Replace(example, "kubectl-sidecar/kubectl-sidecar@v0.1.0", "./", 1)
	if local == example {
		t.Error("the example does not use the action")
	}
	dir := repository(t, map[string]string{
		"action.yml":                     read(t, "../../action.yml"),
		".github/workflows/example.yaml": local,
		".github/workflows/ci.yaml":      fmt.Sprintf(workflow, "/b", "/s", "/o", "/u"),
	})
	if r := run(t, dir, nil, actionlint, "-shellcheck=", "-pyflakes=", "-no-color"); r.exit != 0 {
		t.Errorf("actionlint: exit %d\n%s", r.exit, r.out)
	}
}
