package project

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var line = regexp.MustCompile("^\\| `([^`]+)` \\| (.+) \\| (.+) \\|$")

// TestDependencies: docs/dependencies.md has the reason and the upkeep of every direct dependency, and knows which
// of them are in the plugin.
func TestDependencies(t *testing.T) {
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = top
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod edit: %v", err)
	}
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &file); err != nil || len(file.Require) < 20 {
		t.Fatalf("go mod edit names %d modules: %v", len(file.Require), err)
	}
	page, err := os.ReadFile(filepath.Join(top, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	plugin, tests, found := strings.Cut(string(page), "\n## In tests only\n")
	if !found {
		t.Fatal("the page has no section In tests only")
	}
	said := map[string]string{}
	for where, text := range map[string]string{"plugin": plugin, "tests": tests} {
		for row := range strings.Lines(text) {
			if m := line.FindStringSubmatch(strings.TrimSpace(row)); m != nil {
				if said[m[1]] != "" {
					t.Errorf("%s has two lines", m[1])
				}
				said[m[1]] = where
			}
		}
	}
	linked := inPlugin(t)
	for _, r := range file.Require {
		if r.Indirect {
			continue
		}
		want := "tests"
		if linked[r.Path] {
			want = "plugin"
		}
		if got := said[r.Path]; got != want {
			t.Errorf("docs/dependencies.md: %s stands in %q, want %q", r.Path, got, want)
		}
		delete(said, r.Path)
	}
	for path := range said {
		t.Errorf("docs/dependencies.md: %s is no direct dependency", path)
	}
}

// inPlugin are the modules that the plugin's own packages import directly, on the platforms it is built for.
func inPlugin(t *testing.T) map[string]bool {
	t.Helper()
	modules := map[string]bool{}
	cmd := exec.Command("go", "list", "-deps", "-f", "{{if and .Module .Module.Main}}{{join .Imports \"\\n\"}}{{end}}", "./cmd/kubectl-sidecar")
	cmd.Dir = top
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	cmd = exec.Command("go", append([]string{"list", "-f", "{{with .Module}}{{.Path}}{{end}}"}, strings.Fields(string(out))...)...)
	cmd.Dir = top
	if out, err = cmd.Output(); err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, path := range strings.Fields(string(out)) {
		modules[path] = true
	}
	return modules
}
