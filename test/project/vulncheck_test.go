package project

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVulncheck: a database that cannot be reached is said, and fails where it is required; one that can be
// reached is asked.
func TestVulncheck(t *testing.T) {
	fetch := exec.Command("go", "tool", "-modfile=hack/tools/go.mod", "-n", "govulncheck") // builds it, as long as there is a network
	fetch.Dir = top
	if out, err := fetch.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	database := t.TempDir()
	if err := os.Mkdir(filepath.Join(database, "index"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"db.json": `{"modified": "2026-01-01T00:00:00Z"}`, "modules.json": "[]"} {
		if err := os.WriteFile(filepath.Join(database, "index", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, database, required string
		fails                    bool
		says                     string
	}{
		{"reached", "file://" + database, "required", false, "No vulnerabilities found."},
		{"not reached", "", "", false, "vulncheck: SKIPPED: "},
		{"not reached, required", "", "required", true, "govulncheck: fetching vulnerabilities: "},
	} {
		cmd := exec.Command(filepath.Join(top, "hack", "vulncheck.sh"), "./pkg/prose")
		cmd.Env = append(os.Environ(), "GOVULNDB="+test.database, "VULNCHECK="+test.required,
			"HTTPS_PROXY=http://127.0.0.1:1", "GOPROXY=off") // nobody listens there
		out, err := cmd.CombinedOutput()
		if (err != nil) != test.fails || !strings.Contains(string(out), test.says) {
			t.Errorf("%s: %v\n%s", test.name, err, out)
		}
	}
}
