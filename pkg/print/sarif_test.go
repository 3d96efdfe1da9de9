package print

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// TestSARIFSchema validates every document against the schema of SARIF 2.1.0, and proves that the
// schema would notice.
func TestSARIFSchema(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(sarifSchema(t)))
	if err != nil {
		t.Fatal(err)
	}
	schema := compile(t, document)
	for _, dir := range cases(t) {
		if err := schema.Validate(readJSON(t, filepath.Join(dir, "sarif.json"))); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
	wrong := readJSON(t, "testdata/not-ready/sarif.json").(map[string]any)
	wrong["runs"].([]any)[0].(map[string]any)["results"].([]any)[0].(map[string]any)["kind"] = "unknown"
	if schema.Validate(wrong) == nil {
		t.Error("a kind that there is not is accepted")
	}
}

// sarifSchema is the text that the library carries, and does not export.
func sarifSchema(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3").Output()
	if err != nil {
		t.Fatalf("go list -m: %v", err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(out)), "pkg/report/v210/sarif/schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := strconv.Unquote(file.Scope.Lookup("schema").Decl.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// readSARIF prints a report and returns its one run.
func readSARIF(t *testing.T, r *report.Report) *sarif.Run {
	t.Helper()
	var out bytes.Buffer
	if err := printer(t, "sarif")(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	var document sarif.Report
	if err := json.Unmarshal(out.Bytes(), &document); err != nil || len(document.Runs) != 1 {
		t.Fatalf("%d runs, %v", len(document.Runs), err)
	}
	return document.Runs[0]
}

// TestSARIFCodeScanning is what GitHub's code scanning asks for beyond the schema: each result names
// a rule, has a text, a place with a relative address and a line, and a fingerprint of its own. Of a
// run it takes 25,000 results and 1,000 places of a result.
func TestSARIFCodeScanning(t *testing.T) {
	for _, dir := range cases(t) {
		run := readSARIF(t, readReport(t, dir+"/report.json"))
		prints := map[string]bool{}
		for _, result := range run.Results {
			if result.RuleIndex < 0 || *run.Tool.Driver.Rules[result.RuleIndex].ID != *result.RuleID {
				t.Errorf("%s: %s has not the rule %d", dir, *result.RuleID, result.RuleIndex)
			}
			if *result.Message.Text == "" || len(result.Locations) != 1 {
				t.Errorf("%s: %s: %q at %d places", dir, *result.RuleID, *result.Message.Text, len(result.Locations))
				continue
			}
			place := result.Locations[0].PhysicalLocation
			u, err := url.Parse(*place.ArtifactLocation.URI)
			if err != nil || u.IsAbs() || u.Host != "" || strings.HasPrefix(u.Path, "/") || *place.Region.StartLine < 1 || filepath.Base(dir) != "lint" && *place.Region.StartLine != 1 {
				t.Errorf("%s: place %s, %v", dir, *place.ArtifactLocation.URI, err)
			}
			key := *result.RuleID + " " + result.PartialFingerprints["primaryLocationLineHash"]
			if prints[key] {
				t.Errorf("%s: %s twice", dir, key)
			}
			prints[key] = true
		}
		for _, rule := range run.Tool.Driver.Rules {
			if *rule.ShortDescription.Text == "" || *rule.FullDescription.Text == "" || *rule.Help.Text == "" || rule.DefaultConfiguration.Level == "" {
				t.Errorf("%s: rule %s is not described", dir, *rule.ID)
			}
		}
	}
}

// TestSARIFFingerprints do not depend on what is said of an object, which has numbers in it, or on
// what is wrong with others.
func TestSARIFFingerprints(t *testing.T) {
	prints := func(findings ...checks.Finding) map[string]string {
		out := map[string]string{}
		run := readSARIF(t, &report.Report{Checks: []report.Entry{{ID: "a-check", Severity: checks.Error, Status: checks.Fail, Findings: findings}}})
		for _, result := range run.Results {
			out[*result.Locations[0].PhysicalLocation.ArtifactLocation.URI] = result.PartialFingerprints["primaryLocationLineHash"]
		}
		return out
	}
	node := func(name, message string) checks.Finding {
		return checks.Finding{Object: checks.Object{Kind: "Node", Name: name}, Message: message}
	}
	before := prints(node("b", "for 3 days"))
	after := prints(node("a", "for 1 day"), node("b", "for 4 days"))
	if before["cluster/node/b"] == "" || before["cluster/node/b"] != after["cluster/node/b"] || after["cluster/node/a"] == after["cluster/node/b"] {
		t.Errorf("before %v, after %v", before, after)
	}
}

// TestSARIFUnknown: what could not be told is a result of its own kind and a notification.
func TestSARIFUnknown(t *testing.T) {
	run := readSARIF(t, readReport(t, "testdata/unknown/report.json"))
	kinds := map[string]int{}
	for _, result := range run.Results {
		kinds[result.Kind+" "+result.Level]++
	}
	if kinds["open none"] == 0 || len(run.Invocations[0].ToolExecutionNotifications) == 0 || *run.Invocations[0].ExitCode != report.ExitUnknown {
		t.Errorf("kinds %v, invocation %+v", kinds, run.Invocations[0])
	}
}

// TestSARIFWaived: what does not count is there, with the reason, and what is new against a baseline
// is called so.
func TestSARIFWaived(t *testing.T) {
	finding := func(name string) checks.Finding {
		return checks.Finding{Object: checks.Object{Kind: "Node", Name: name}, Message: "m"}
	}
	run := readSARIF(t, &report.Report{
		Waivers: []report.Waiver{{Action: report.Baseline}},
		Checks: []report.Entry{{
			ID: "a-check", Severity: checks.Error, Status: checks.Fail, Findings: []checks.Finding{finding("new")},
			Suppressed: []report.Suppressed{
				{Finding: finding("old"), Waiver: report.WaivedBy{Action: report.Baseline, Source: "baseline.json"}},
				{Finding: finding("known"), Waiver: report.WaivedBy{Action: report.Suppress, Reason: "drained", Until: "2027-01-31", Source: "w.yaml:3"}},
			},
		}},
	})
	var got []string
	for _, result := range run.Results {
		line := *result.Locations[0].PhysicalLocation.ArtifactLocation.URI + " " + *result.BaselineState
		for _, s := range result.Suppressions {
			line += " " + *s.Kind + " " + *s.Status + ": " + *s.Justification
		}
		got = append(got, line)
	}
	want := []string{
		"cluster/node/new new",
		"cluster/node/old unchanged external accepted: baseline, baseline.json",
		"cluster/node/known new external accepted: drained, until 2027-01-31, w.yaml:3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestUnplaced(t *testing.T) {
	if got, want := unplaced(`{"op":"add"} [here](https://example.com) a[0]`), `{{"op":"add"}} [here\](https://example.com) a[0]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
