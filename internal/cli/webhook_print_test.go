package cli

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
)

// TestWebhookJUnit is what a pipeline gets of `webhook test`, from a webhook that says what XML cannot
// hold. test/formats holds the file against Jenkins' schema.
func TestWebhookJUnit(t *testing.T) {
	const file = "testdata/webhook-test.xml"
	var out bytes.Buffer
	if err := junitTests(&out, []tested{
		{Webhook: "https://localhost:8443/mutate", Results: []admission.ProbeResult{
			{Name: "create: one native sidecar"},
			{Name: "update: \x1b[31mred\x00", Problems: []admission.Problem{
				{Kind: "stripped", Detail: "restartPolicy of \u202esidecar]]>"}, {Kind: "denied", Detail: "two\nlines"},
			}, Patch: []string{`{"op":"remove","path":"/spec/initContainers/0/restartPolicy"}`}},
		}},
		{Webhook: "empty.example.com"},
	}); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("%s (-want +got; UPDATE_GOLDEN=1 rewrites it):\n%s", file, diff)
	}
}
