package print

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// TestSettled: one line speaks for the checks of gates; wide output lists them all the same, and what is
// not well is never left out.
func TestSettled(t *testing.T) {
	r := &report.Report{Verdict: report.Ready, Settled: &cluster.Settled{Oldest: "1.37", Checks: []string{"kubelet-gate-off", "kubelet-too-old"}}, Checks: []report.Entry{
		{ID: "kubelet-gate-off", Title: "the gate is on", Category: checks.Nodes, Status: checks.Pass},
		{ID: "kubelet-too-old", Title: "no kubelet is too old", Category: checks.Nodes, Status: checks.Unknown},
		{ID: "node-version-skew", Title: "no skew", Category: checks.Nodes, Status: checks.Pass},
	}}
	for format, listed := range map[string]bool{"text": false, "wide": true} {
		var out bytes.Buffer
		if err := printer(t, format)(&out, r, Options{Width: 200}); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if !strings.Contains(got, "gates: no longer matter: every API server and kubelet is Kubernetes 1.37 or newer") || strings.Contains(got, "the gate is on") != listed ||
			!strings.Contains(got, "no kubelet is too old") || !strings.Contains(got, "no skew") {
			t.Errorf("%s:\n%s", format, got)
		}
	}
}
