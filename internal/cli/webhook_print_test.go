package cli

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/admission"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
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

// TestProbesFor: a webhook is asked what an API server could ask it.
func TestProbesFor(t *testing.T) {
	all := admission.Probes("default", nil)
	for _, c := range []struct {
		creates, updates bool
		want             int
	}{{true, true, len(all)}, {true, false, len(all) - 1}, {false, true, 1}, {false, false, 0}} {
		if got := len(probesFor(collect.Installed{Creates: c.creates, Updates: c.updates}, all)); got != c.want {
			t.Errorf("creates %v, updates %v: %d, want %d", c.creates, c.updates, got, c.want)
		}
	}
}

// TestWebhookText: who changed nothing has proven nothing, and who never sees pods was not tested.
func TestWebhookText(t *testing.T) {
	var out bytes.Buffer
	testText(&out, []tested{
		{Webhook: "config/idle", Results: []admission.ProbeResult{{Name: "create"}}},
		{Webhook: "config/acts", Results: []admission.ProbeResult{{Name: "create", Operations: 1}}},
		{Webhook: "config/deployments", NotTested: notForPods},
	})
	want := `config/idle
  ok    create
1 of 1 came through unharmed
it changed none of them, so what it does to pods that it changes is not known: give it one with --pod FILE
config/acts
  ok    create
1 of 1 came through unharmed
config/deployments
  not tested: its rules have neither the creation nor the update of pods
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
