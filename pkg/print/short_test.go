package print

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// TestShortStaysShort: however much there is to say, and whoever says it.
func TestShortStaysShort(t *testing.T) {
	big := &report.Report{Verdict: report.NotReady, Limits: []string{strings.Repeat("l", 5000)}, Diagnoses: []pods.Diagnosis{}}
	for i := range 300 {
		big.Checks = append(big.Checks, report.Entry{
			ID: fmt.Sprintf("check-%d", i), Severity: checks.Severity(i % 3), Status: checks.Fail,
			Findings: []checks.Finding{{
				Object: checks.Object{Kind: "Node", Name: "n"}, Message: strings.Repeat("ü", 3000) + fmt.Sprint(i), Evidence: []string{strings.Repeat("e", 3000)}, Fix: "f",
			}},
			Missing:    []facts.Gap{{Kind: "kubelets", Scope: "node/x", Reason: fmt.Sprintf("reason %c", 'a'+i%26), Remedy: "r"}},
			Suppressed: []report.Suppressed{{}},
		})
		d := pods.Diagnosis{}
		d.Object, d.Message = checks.Object{Kind: "Pod", Name: "p"}, strings.Repeat("m", 3000)
		big.Diagnoses = append(big.Diagnoses, d)
	}
	big.Summary = report.Summarize(big)
	for name, print := range map[string]Printer{"doctor": shortForm, "why": shortWhy} {
		for _, r := range append(hostileReports(t, "testdata/markup/report.json"), big) {
			var out bytes.Buffer
			if err := escaped(print)(&out, r, Options{Unicode: true}); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(out.String(), "\n"); n > 15 {
				t.Errorf("%s: %d lines:\n%s", name, n, &out)
			}
			for line := range strings.Lines(out.String()) {
				if i := strings.IndexFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
					t.Errorf("%s: not ASCII at %d: %q", name, i, line)
				}
				if n := len(line); n > 6*shortLine+1 && !strings.HasPrefix(line, "fix: ") { // a letter is up to 6 in ASCII
					t.Errorf("%s: %d letters: %.200s", name, len(line), line)
				}
			}
		}
	}
	var out bytes.Buffer
	if err := shortForm(&out, big, Options{}); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(out.String(), "\n"); !strings.HasPrefix(lines[1], "[error] node/n: ") || !strings.HasPrefix(lines[8], "[...] 293 findings more") {
		t.Errorf("the worst do not come first, or the rest is not counted:\n%s", &out)
	}
}
