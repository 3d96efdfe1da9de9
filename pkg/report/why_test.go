package report

import (
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func TestWhyExitCode(t *testing.T) {
	cause, puzzle := pods.Diagnosis{}, pods.Diagnosis{}
	cause.RootCause = "startup-probe-failing"
	for name, test := range map[string]struct {
		diagnoses []pods.Diagnosis
		status    checks.Status
		want      int
	}{
		"nothing is wrong":            {nil, checks.Pass, ExitOK},
		"a root cause":                {[]pods.Diagnosis{cause}, checks.Fail, ExitFindings},
		"trouble without a cause":     {[]pods.Diagnosis{puzzle}, checks.Pass, ExitUnknown},
		"one of two has a cause":      {[]pods.Diagnosis{cause, puzzle}, checks.Fail, ExitFindings},
		"a check could not tell":      {nil, checks.Unknown, ExitUnknown},
		"a cause, one could not tell": {[]pods.Diagnosis{cause}, checks.Unknown, ExitFindings},
	} {
		r := &Report{Diagnoses: test.diagnoses, Checks: []Entry{{Severity: checks.Error, Status: test.status}}}
		r.Verdict = r.whyVerdict(&facts.Snapshot{Seen: []facts.Kind{facts.Pods}})
		if got := r.WhyExitCode(); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
	r := &Report{Diagnoses: []pods.Diagnosis{}}
	r.Verdict = r.whyVerdict(&facts.Snapshot{})
	if got := r.WhyExitCode(); got != ExitUnknown {
		t.Errorf("pods not seen: %d, want %d", got, ExitUnknown)
	}
}
