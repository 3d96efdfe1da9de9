package print

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jstemmer/go-junit-report/v2/junit"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// readJUnit prints a report and reads it back; the decoder refuses characters that XML 1.0 has not.
func readJUnit(t *testing.T, r *report.Report) junit.Testsuites {
	t.Helper()
	var out bytes.Buffer
	if err := printer(t, "junit")(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	var all junit.Testsuites
	if err := xml.Unmarshal(out.Bytes(), &all); err != nil {
		t.Fatalf("%v:\n%s", err, &out)
	}
	return all
}

// TestJUnitAnswers: which element stands for which answer, and that only what the gate counts is red.
func TestJUnitAnswers(t *testing.T) {
	got := map[string]string{}
	for _, status := range statuses {
		for _, severity := range []checks.Severity{checks.Info, checks.Warning, checks.Error} {
			e := report.Entry{ID: "a-check", Title: "all is well", Category: checks.Nodes, Severity: severity, Status: status}
			switch status {
			case checks.Fail:
				e.Findings = []checks.Finding{{Message: "it is not"}}
			case checks.Unknown:
				e.Missing = []facts.Gap{{Kind: facts.Nodes, Reason: "refused"}}
			case report.Waived:
				e.Suppressed = []report.Suppressed{{Finding: checks.Finding{Message: "it is not"}, Waiver: report.WaivedBy{Reason: "known"}}}
			}
			r := &report.Report{Checks: []report.Entry{e}, ExitRule: &report.ExitRule{FailOn: checks.Warning}}
			c := readJUnit(t, r).Suites[0].Testcases[0]
			for element, result := range map[string]*junit.Result{"failure": c.Failure, "error": c.Error, "skipped": c.Skipped} {
				if result != nil {
					got[fmt.Sprintf("%s %s", severity, status)] += element + ": " + result.Message
				}
			}
		}
	}
	want := map[string]string{
		"info fail":       "skipped: info, below --fail-on warning: it is not",
		"info unknown":    "skipped: info, below --fail-on warning: could not tell: nodes: refused",
		"warning fail":    "failure: it is not",
		"warning unknown": "error: could not tell: nodes: refused",
		"error fail":      "failure: it is not",
		"error unknown":   "error: could not tell: nodes: refused",
	}
	for _, severity := range []string{"info", "warning", "error"} {
		want[severity+" skipped"] = "skipped: not selected by --checks or --skip"
		want[severity+" waived"] = "skipped: waived: known"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("elements (-want +got):\n%s", diff)
	}
}

// TestJUnitGate: a document is red exactly when the exit code is not 0, for every --fail-on.
func TestJUnitGate(t *testing.T) {
	for _, dir := range cases(t) {
		for _, failOn := range []checks.Severity{checks.Info, checks.Warning, checks.Error} {
			r := readReport(t, dir+"/report.json")
			if len(r.Checks) == 0 {
				continue // no command prints such a report
			}
			r.ExitRule = &report.ExitRule{FailOn: failOn, Exit: r.ExitCode(failOn)}
			all := readJUnit(t, r)
			if red := all.Failures+all.Errors > 0; red != (r.ExitRule.Exit != 0) {
				t.Errorf("%s, --fail-on %s: exit code %d, %d failures, %d errors", dir, failOn, r.ExitRule.Exit, all.Failures, all.Errors)
			}
		}
	}
}
