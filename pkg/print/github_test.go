package print

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// A command is what GitHub's runner makes of a line.
type workflowCommandSeen struct {
	name, message string
	properties    map[string]string
}

// runner reads a line as the runner does (actions/runner, src/Runner.Common/ActionCommand.cs,
// TryParseV2): a command begins a line, apart from spaces; its name ends at the first space; its
// properties are separated by commas and end at the next double colon.
func runner(line string) (c workflowCommandSeen, ok bool) {
	line = strings.TrimLeft(line, " \t")
	if !strings.HasPrefix(line, "::") {
		return c, false
	}
	info, data, found := strings.Cut(line[len("::"):], "::")
	if !found {
		return c, false
	}
	unescape := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%")
	name, properties, _ := strings.Cut(info, " ")
	c = workflowCommandSeen{name: name, message: unescape.Replace(data), properties: map[string]string{}}
	unescapeProperty := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
	for _, p := range strings.Split(strings.TrimSpace(properties), ",") {
		if key, value, pair := strings.Cut(p, "="); pair && value != "" {
			c.properties[key] = unescapeProperty.Replace(value)
		}
	}
	return c, true
}

func commandsOf(t *testing.T, p Printer, r *report.Report) []workflowCommandSeen {
	t.Helper()
	var out bytes.Buffer
	if err := p(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	var list []workflowCommandSeen
	for line := range strings.Lines(out.String()) {
		c, ok := runner(strings.TrimSuffix(line, "\n"))
		if !ok {
			t.Errorf("not a command: %q", line)
		}
		list = append(list, c)
	}
	return list
}

// TestAnnotations: what the runner reads is what was meant, signs and line breaks included.
func TestAnnotations(t *testing.T) {
	r := &report.Report{
		Verdict: report.NotReady, Summary: "not ready: 100% of it, really", Cluster: report.Cluster{Server: "https://x:6443"},
		Checks: []report.Entry{
			{ID: "a-note", Severity: checks.Info, Status: checks.Fail, Findings: []checks.Finding{{Message: "m", Evidence: []string{"e"}, Fix: "f"}}},
			{ID: "an-error", Severity: checks.Error, Status: checks.Fail, Findings: []checks.Finding{{
				Object: checks.Object{Kind: "Node", Name: "n"}, Message: "50%0A, a: b", Evidence: []string{"e1", "e2"}, Fix: "do:\n\n  kubectl get x"}}},
		},
		Waivers: []report.Waiver{{Action: report.Suppress, Check: "c", Reason: "r", Until: "2026-01-01", Source: "w.yaml:1", State: report.Expired}, {State: report.Used}, {State: report.Invalid, Check: "x", Reason: "no reason", Source: "annotation on node/n"}},
	}
	want := []workflowCommandSeen{
		{"error", "not ready: 100% of it, really\ncluster https://x:6443, collected at an unknown time", map[string]string{"title": "kubectl sidecar doctor: not ready"}},
		{"error", "50%0A, a: b\non: node/n\nevidence: e1\nevidence: e2\nfix: do:\n\n  kubectl get x\nsee: kubectl sidecar explain an-error", map[string]string{"title": "an-error"}},
		{"warning", "w.yaml:1: suppress c all, until 2026-01-01: r", map[string]string{"title": "waiver expired: c"}},
		{"warning", "annotation on node/n: x all, until -: no reason", map[string]string{"title": "waiver invalid: x"}},
		{"notice", "m\nevidence: e\nfix: f\nsee: kubectl sidecar explain a-note", map[string]string{"title": "a-note"}},
	}
	if diff := cmp.Diff(want, commandsOf(t, escaped(annotations), r), cmp.AllowUnexported(workflowCommandSeen{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAnnotationsHostile: whatever a cluster says, the commands are the same in number and name.
func TestAnnotationsHostile(t *testing.T) {
	names := func(list []workflowCommandSeen) (out []string) {
		for _, c := range list {
			out = append(out, c.name)
			if c.properties["file"] != "" { // of lint
				delete(c.properties, "file")
				delete(c.properties, "line")
				delete(c.properties, "col")
			}
			if len(c.properties) != 1 || c.properties["title"] == "" {
				t.Errorf("properties: %v", c.properties)
			}
		}
		return out
	}
	want := []string{"error", "error", "warning", "notice"} // equal texts are one group
	for _, r := range hostileReports(t, "testdata/markup/report.json") {
		r.Waivers = nil
		if got := names(commandsOf(t, escaped(annotations), r)); !cmp.Equal(got, want) {
			t.Errorf("%q: commands %v, want %v", r.Summary, got, want)
		}
	}
	want = []string{"error", "error", "error"} // one for each place
	for _, r := range hostileReports(t, "testdata/lint/report.json") {
		if got := names(commandsOf(t, escaped(annotations), r)); !cmp.Equal(got, want) {
			t.Errorf("%q: lint: commands %v, want %v", r.Summary, got, want)
		}
	}
}

// TestAnnotationsMany: of each level as many as GitHub shows, and the last of them counts the rest.
func TestAnnotationsMany(t *testing.T) {
	for n, want := range map[int]int{9: 10, 10: 10, 500: 10} {
		r := &report.Report{Verdict: report.NotReady}
		for i := range n {
			r.Checks = append(r.Checks, report.Entry{ID: fmt.Sprintf("check-%d", i), Severity: checks.Error, Status: checks.Fail,
				Findings: []checks.Finding{{Message: fmt.Sprintf("message %d", i), Evidence: []string{"e"}, Fix: "f"}}})
		}
		list := commandsOf(t, escaped(annotations), r)
		last := list[len(list)-1]
		rest := strings.Count(last.message, "check-")
		if n == 9 {
			rest = 0
		}
		if len(list) != want || n > 9 && (last.properties["title"] != fmt.Sprintf("kubectl sidecar: %d more", n-8) || rest != n-8) {
			t.Errorf("%d findings: %d commands, the last %v", n, len(list), last)
		}
	}
}
