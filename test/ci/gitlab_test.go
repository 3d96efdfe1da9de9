package ci

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestGitLab includes the template into a project's pipeline and runs it with gitlab-ci-local, which holds it
// against GitLab's schema first.
func TestGitLab(t *testing.T) {
	program := gitlab(t)
	pipeline := "include:\n- local: native-sidecars.yml\nnative-sidecars:\n  variables:\n    SIDECAR_URL: " + releases(t) + "\n"
	for name, test := range map[string]struct {
		variables string
		exit      int
		says      string
	}{
		"not ready": {"    SIDECAR_ARGS: -f " + snapshot(t) + "\n", 1, "not ready: "},
		"never":     {"    SIDECAR_ARGS: --fail-on=never -f " + snapshot(t) + "\n", 0, "not ready: "},
		"tampered":  {"    SIDECAR_VERSION: v0.1.1\n", 1, "FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := repository(t, map[string]string{
				"native-sidecars.yml": read(t, "../../docs/examples/ci/gitlab.yml"),
				".gitlab-ci.yml":      pipeline + test.variables,
			})
			r := run(t, dir, []string{"HOME=" + t.TempDir(), "KUBECONFIG=" + os.DevNull}, program, "--force-shell-executor", "native-sidecars")
			if r.exit != test.exit || !strings.Contains(r.out, test.says) {
				t.Errorf("exit %d, want %d and %q:\n%s", r.exit, test.exit, test.says, r.out)
			}
			if name == "tampered" {
				if strings.Contains(r.out, "something else") {
					t.Errorf("what was tampered with ran:\n%s", r.out)
				}
				return
			}
			// Shells run in the checkout: the file must be where the template tells GitLab to fetch it.
			if !strings.Contains(read(t, filepath.Join(dir, junit(t))), "<testsuites") {
				t.Errorf("no JUnit document\n%s", r.out)
			}
		})
	}
}

// junit is the report that the template tells GitLab of.
func junit(t *testing.T) string {
	t.Helper()
	var template map[string]struct {
		Artifacts struct{ Reports struct{ JUnit string } }
	}
	if err := yaml.Unmarshal([]byte(read(t, "../../docs/examples/ci/gitlab.yml")), &template); err != nil {
		t.Fatal(err)
	}
	return template["native-sidecars"].Artifacts.Reports.JUnit
}

// gitlab installs gitlab-ci-local, pinned, and returns its program.
func gitlab(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	var errs []error
	for _, file := range []string{"package.json", "package-lock.json"} {
		errs = append(errs, os.WriteFile(filepath.Join(dir, file), []byte(read(t, filepath.Join("gitlab", file))), 0o644))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	must(t, dir, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
	return filepath.Join(dir, "node_modules", ".bin", "gitlab-ci-local")
}
