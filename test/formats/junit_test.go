package formats_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// goldens are the files that the printers' own tests keep current.
func goldens(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob("../../" + pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	return files
}

// TestJUnitSchema holds every JUnit document against the schema by which Jenkins accepts them.
func TestJUnitSchema(t *testing.T) {
	files := append(goldens(t, "pkg/print/testdata/*/junit.xml"), goldens(t, "internal/cli/testdata/webhook-test.xml")...)
	for _, file := range files {
		if out, err := xmllint(t, file); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
	t.Run("it would notice", func(t *testing.T) {
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "wrong.xml")
		if err := os.WriteFile(file, []byte(strings.Replace(string(data), "<testsuites ", `<testsuites skipped="1" `, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := xmllint(t, file); err == nil {
			t.Errorf("an attribute that the schema has not is accepted: %s", out)
		}
	})
}

// xmllint validates one file with Debian's libxml2-utils, which hack/packages.sh installs.
func xmllint(t *testing.T, file string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skipf("xmllint is not here (hack/packages.sh installs it): %v", err)
	}
	out, err := exec.Command(program, "--noout", "--nonet", "--schema", "../../pkg/print/testdata/schemas/junit-10.xsd", file).CombinedOutput()
	return string(out), err
}
