package print

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

func gaps(kind facts.Kind) []facts.Gap {
	return []facts.Gap{{Kind: kind, Reason: "refused", Remedy: "ask"}}
}

func readOpenReport(t *testing.T, r *report.Report) (openReport, int) {
	t.Helper()
	var out bytes.Buffer
	if err := printer(t, "openreports")(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	data, err := yaml.YAMLToJSONStrict(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var o openReport
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		t.Fatal(err)
	}
	return o, len(data)
}

// TestOpenReportsFit: an object that a cluster takes, whatever was found; what is left out is counted.
func TestOpenReportsFit(t *testing.T) {
	many := report.Entry{ID: "many", Severity: checks.Error, Status: checks.Fail}
	for i := range 5000 {
		many.Findings = append(many.Findings, checks.Finding{
			Object: checks.Object{Kind: "Node", Name: fmt.Sprintf("node-%d", i)}, Message: "too old",
			Evidence: []string{"status.nodeInfo.kubeletVersion: v1.27.4"}, Fix: strings.Repeat("upgrade it\n", 30),
		})
	}
	long := report.Entry{ID: "long", Severity: checks.Error, Status: checks.Fail, Findings: []checks.Finding{{
		Object:   checks.Object{Kind: "Node", Name: strings.Repeat("n", 1<<20)},
		Message:  strings.Repeat("ü", 1<<20),
		Evidence: []string{strings.Repeat("e", 1<<20)}, Fix: strings.Repeat("f", 1<<20),
	}}}
	unknown := report.Entry{ID: "unknown", Severity: checks.Error, Status: checks.Unknown, Missing: gaps("nodes")}
	o, size := readOpenReport(t, &report.Report{Verdict: report.NotReady, Summary: strings.Repeat("s", 1<<20), Checks: []report.Entry{many, long, unknown}})
	if size > openLimit {
		t.Errorf("%d bytes, at most %d", size, openLimit)
	}
	if diff := cmp.Diff(openSummary{Fail: 5001, Error: 1}, o.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	kept := map[string]int{}
	for _, result := range o.Results {
		kept[result.Policy+" "+result.Result]++
	}
	if kept["many fail"] < 100 || kept["long fail"] != 1 || kept["unknown error"] != 1 {
		t.Errorf("results: %v", kept)
	}
	left := fmt.Sprintf("%d of 5002 results", 5002-len(o.Results))
	if got := o.Metadata.Annotations[openPrefix+"left-out"]; !strings.HasPrefix(got, left) {
		t.Errorf("left out: %q, want %s", got, left)
	}
}

// TestOpenReportsAnswers: what stands for each answer.
func TestOpenReportsAnswers(t *testing.T) {
	finding := []checks.Finding{{Object: checks.Object{Kind: "Node", Name: "a"}, Message: "wrong", Evidence: []string{"e"}, Fix: "f"}}
	by := report.WaivedBy{Action: report.Suppress, Reason: "known", Until: "2027-01-31", Source: "w.yaml:3"}
	o, _ := readOpenReport(t, &report.Report{Checks: []report.Entry{
		{ID: "passed", Title: "all is well", Severity: checks.Error, Status: checks.Pass},
		{ID: "failed", Severity: checks.Error, Status: checks.Fail, Findings: finding, Missing: gaps("nodes")},
		{ID: "warned", Severity: checks.Warning, Status: checks.Fail, Findings: finding},
		{ID: "noted", Severity: checks.Info, Status: checks.Fail, Findings: finding},
		{ID: "unknown", Severity: checks.Warning, Status: checks.Unknown, Missing: gaps("nodes")},
		{ID: "left-out", Severity: checks.Error, Status: checks.Skipped},
		{ID: "waived", Severity: checks.Error, Status: report.Waived,
			Suppressed: []report.Suppressed{{Finding: finding[0], Waiver: by}}, Accepted: []report.Accepted{{Gap: gaps("nodes")[0], Waiver: by}}},
		{ID: "new", Severity: checks.Error, Status: "a status of a later version"},
	}})
	var got []string
	for _, result := range o.Results {
		line := fmt.Sprintf("%s %s %s: %s", result.Policy, result.Severity, result.Result, result.Message)
		for _, ref := range result.Resources {
			line += fmt.Sprintf(" (%s %s %s)", ref.APIVersion, ref.Kind, ref.Name)
		}
		got = append(got, line)
	}
	want := []string{
		"passed high pass: all is well",
		"failed high fail: wrong (v1 Node a)",
		"failed high error: could not tell: nodes not seen: refused\nremedy: ask",
		"warned medium warn: wrong (v1 Node a)",
		"noted info warn: wrong (v1 Node a)",
		"unknown medium error: could not tell: nodes not seen: refused\nremedy: ask",
		"left-out high skip: not selected by --checks or --skip",
		"waived high skip: suppressed (known, until 2027-01-31, w.yaml:3): wrong (v1 Node a)",
		"waived high skip: accepted (known, until 2027-01-31, w.yaml:3): nodes not seen: refused\nremedy: ask",
		"new high error: could not tell",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(openSummary{Pass: 1, Fail: 1, Warn: 2, Error: 3, Skip: 3}, o.Summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}
