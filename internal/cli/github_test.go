package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// TestStepSummaryLimit: a summary never grows beyond what GitHub shows, and says what is missing.
func TestStepSummaryLimit(t *testing.T) {
	for _, test := range []struct {
		name    string
		before  int
		missing bool
		exit    int
	}{
		{"room for all", 1000, false, 3},
		{"room for a part", summaryLimit - 3000, true, 3},
		{"no room", summaryLimit - 100, false, 1},
		{"full", summaryLimit + 5, false, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "summary.md")
			if err := os.WriteFile(file, bytes.Repeat([]byte("x"), test.before), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv(stepSummary, file)
			var stdout, stderr bytes.Buffer
			exit := Main([]string{"kubectl-sidecar", "doctor", "-f", "../../docs/examples/demo.yaml", "-o", "github"},
				genericiooptions.IOStreams{Out: &stdout, ErrOut: &stderr})
			page, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if exit != test.exit || !strings.HasPrefix(stdout.String(), "::error title=kubectl sidecar doctor") {
				t.Errorf("exit %d, want %d; stdout %.60q, stderr %s", exit, test.exit, &stdout, &stderr)
			}
			if exit == 1 {
				if len(page) != test.before || !strings.Contains(stderr.String(), "GitHub's limit of 1 MiB is reached") {
					t.Errorf("%d bytes, stderr: %s", len(page), &stderr)
				}
				return
			}
			text := string(page[test.before:])
			if len(page) > summaryLimit || !strings.Contains(text, "## ❌ kubectl sidecar doctor: not ready\n") {
				t.Errorf("%d bytes: %.100s", len(page), text)
			}
			if got := strings.Contains(text, "_Left out, because the page would be too long: "); got != test.missing {
				t.Errorf("something is missing: %v, want %v", got, test.missing)
			}
		})
	}
}
