package cli

import (
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// TestNoNodeFits: a DaemonSet without pods that no node is to have one of is not known to be well, and the answer says what
// to compare.
func TestNoNodeFits(t *testing.T) {
	const file = `apiVersion: v1
kind: List
items:
- {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent, namespace: shop}, spec: {template: {spec: {containers: [{name: a}]}}},
   status: {desiredNumberScheduled: 0, currentNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0}}
- {apiVersion: v1, kind: Pod, metadata: {name: other, namespace: shop}, spec: {containers: [{name: a}]}, status: {phase: Succeeded}}
`
	code, stdout, stderr := call(t, file, "why", "ds/agent", "-n", "shop", "-f", "-")
	if code != report.ExitUnknown || !strings.Contains(stdout, "desiredNumberScheduled: 0") || !strings.Contains(stdout, "kubectl get nodes --show-labels") {
		t.Errorf("exit %d, want %d\n%s%s", code, report.ExitUnknown, stdout, stderr)
	}
}
