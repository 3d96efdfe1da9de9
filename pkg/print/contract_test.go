package print

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

const (
	frozenSchema = "../../docs/schema/frozen/report.v1.json"
	frozenNames  = "../../docs/schema/frozen/names.txt"
)

// TestContract: what readers of the JSON may rely on is still so. What was added is promised from the
// moment on that -update takes it into the frozen copy, which it does not while anything is broken.
func TestContract(t *testing.T) {
	now, frozen := readJSON(t, schemaFile).(map[string]any), readJSON(t, frozenSchema).(map[string]any)
	for _, problem := range broken(frozen, now) {
		t.Errorf("%s: docs/contract.md says that this does not happen within v1", problem)
	}
	if t.Failed() || !*update && reflect.DeepEqual(undescribed(frozen), undescribed(now)) {
		return
	}
	if !*update {
		t.Fatalf("something was added that %s does not promise yet: go test ./pkg/print -run TestContract -update", frozenSchema)
	}
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(frozenSchema, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestContractNotices proves that TestContract would.
func TestContractNotices(t *testing.T) {
	for _, test := range []struct {
		change func(root, finding, entry map[string]any)
		want   string
	}{
		{func(root, _, _ map[string]any) { delete(root["properties"].(map[string]any), "summary") }, "summary: gone"},
		{func(_, finding, _ map[string]any) { delete(finding["properties"].(map[string]any), "fix") }, "finding.fix: gone"},
		{func(root, _, _ map[string]any) { delete(root["$defs"].(map[string]any), "gap") }, "gap: gone"},
		{func(_, finding, _ map[string]any) { finding["required"] = []any{"object", "message", "evidence"} }, "finding.fix: no longer always there"},
		{func(_, finding, _ map[string]any) {
			finding["properties"].(map[string]any)["evidence"] = map[string]any{"type": "string"}
		}, "finding.evidence: type was array, is string"},
		{func(_, finding, _ map[string]any) {
			finding["properties"].(map[string]any)["evidence"].(map[string]any)["type"] = []any{"array", "null"}
		}, "finding.evidence: type was array, is array,null"},
		{func(_, _, entry map[string]any) {
			status := entry["properties"].(map[string]any)["status"].(map[string]any)
			status["enum"] = status["enum"].([]any)[1:]
		}, "check.status: pass is no longer possible"},
		{func(_, finding, _ map[string]any) {
			delete(finding["properties"].(map[string]any)["evidence"].(map[string]any), "minItems")
		}, "finding.evidence: minItems was 1, is <nil>"},
		{func(root, _, _ map[string]any) {
			root["properties"].(map[string]any)["kind"].(map[string]any)["const"] = "Answer"
		}, "kind: const was Report, is Answer"},
		{func(_, finding, _ map[string]any) {
			finding["properties"].(map[string]any)["fix"].(map[string]any)["$ref"] = "#/$defs/line"
		}, "finding.fix: $ref was #/$defs/block, is #/$defs/line"},
	} {
		now := readJSON(t, schemaFile).(map[string]any)
		defs := now["$defs"].(map[string]any)
		test.change(now, defs["finding"].(map[string]any), defs["check"].(map[string]any))
		got := broken(readJSON(t, schemaFile).(map[string]any), now)
		if diff := cmp.Diff([]string{test.want}, got); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
	}
}

// broken is what a reader of frozen would miss in now.
func broken(frozen, now map[string]any) []string {
	out := brokenNode("", frozen, now)
	frozenDefs, defs := frozen["$defs"].(map[string]any), now["$defs"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(frozenDefs)) {
		if def, ok := defs[name].(map[string]any); ok {
			out = append(out, brokenNode(name, frozenDefs[name].(map[string]any), def)...)
		} else {
			out = append(out, name+": gone")
		}
	}
	return out
}

func brokenNode(name string, frozen, now map[string]any) []string {
	var out []string
	problem := func(format string, args ...any) {
		out = append(out, strings.TrimPrefix(name+": "+fmt.Sprintf(format, args...), ": "))
	}
	was, is := valuesOf(frozen["type"]), valuesOf(now["type"])
	if slices.ContainsFunc(is, func(s string) bool { return !slices.Contains(was, s) }) || len(was) > 0 && len(is) == 0 {
		problem("type was %s, is %s", strings.Join(was, ","), strings.Join(is, ","))
	}
	for _, value := range valuesOf(frozen["enum"]) {
		if !slices.Contains(valuesOf(now["enum"]), value) {
			problem("%s is no longer possible", value)
		}
	}
	for _, key := range []string{"$ref", "const", "format", "maxItems", "minItems", "minimum", "pattern"} {
		if frozen[key] != nil && !reflect.DeepEqual(frozen[key], now[key]) && len(out) == 0 {
			problem("%s was %v, is %v", key, frozen[key], now[key])
		}
	}
	properties, _ := now["properties"].(map[string]any)
	for _, field := range slices.Sorted(maps.Keys(asMap(frozen["properties"]))) {
		at := path.Join(strings.ReplaceAll(name, ".", "/"), field)
		at = strings.ReplaceAll(at, "/", ".")
		child, ok := properties[field].(map[string]any)
		switch {
		case !ok:
			out = append(out, at+": gone")
			continue
		case slices.Contains(valuesOf(frozen["required"]), field) && !slices.Contains(valuesOf(now["required"]), field):
			out = append(out, at+": no longer always there")
		}
		out = append(out, brokenNode(at, asMap(frozen["properties"])[field].(map[string]any), child)...)
	}
	if frozen["items"] != nil && now["items"] != nil {
		out = append(out, brokenNode(name+"[]", asMap(frozen["items"]), asMap(now["items"]))...)
	}
	return out
}

func asMap(node any) map[string]any {
	m, _ := node.(map[string]any)
	return m
}

// valuesOf is a string, or the strings of an array.
func valuesOf(node any) []string {
	switch v := node.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, s := range v {
			out = append(out, fmt.Sprint(s))
		}
		return out
	}
	return nil
}

// undescribed is a schema without its prose, which may change.
func undescribed(node any) any {
	switch v := node.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, child := range v {
			if _, prose := child.(string); key != "description" || !prose {
				out[key] = undescribed(child)
			}
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, child := range v {
			out = append(out, undescribed(child))
		}
		return out
	}
	return node
}

// TestContractNames: check ids (in JSON, SARIF, JUnit, OpenReports and as labels), formats and metrics
// keep their names. A check keeps its severity and category, which are in those names' places. Whoever adds
// a check changes nothing here: what is new is promised from the next -update on, which make release asks for (RELEASE=1).
func TestContractNames(t *testing.T) {
	now := promised(t)
	data, err := os.ReadFile(frozenNames)
	if err != nil && !*update {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if line != "" && !slices.Contains(now, line) {
			t.Errorf("%q is no longer so: docs/contract.md says that this does not happen within v1", line)
		}
	}
	text := strings.Join(now, "\n") + "\n"
	switch {
	case t.Failed() || text == string(data):
	case *update:
		if err := os.WriteFile(frozenNames, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	case os.Getenv("RELEASE") != "":
		t.Errorf("there are names that %s does not promise yet: go test ./pkg/print -run TestContract -update\n%s",
			frozenNames, cmp.Diff(string(data), text))
	}
}

func promised(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, c := range cluster.All() {
		out = append(out, fmt.Sprintf("doctor check %s: %s, %s", c.ID, c.Severity, c.Category))
	}
	for _, c := range pods.All() {
		out = append(out, fmt.Sprintf("why check %s: %s, %s", c.ID, c.Severity, c.Category))
	}
	for _, c := range manifests.All() {
		out = append(out, fmt.Sprintf("lint check %s: %s, %s", c.ID, c.Severity, c.Category))
	}
	for command, formats := range map[string][]Format{"doctor": Formats, "why": WhyFormats} {
		for _, f := range formats {
			out = append(out, fmt.Sprintf("%s -o %s", command, f.Name))
		}
	}
	for _, family := range metrics(readReport(t, "testdata/not-ready/report.json")) {
		line := "metric " + family.GetName() + " " + strings.ToLower(family.GetType().String())
		for _, l := range family.Metric[0].Label {
			line += " " + l.GetName()
		}
		out = append(out, line)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestExitCodes are part of the contract.
func TestExitCodes(t *testing.T) {
	got, err := json.Marshal([]int{report.ExitOK, report.ExitFindings, report.ExitUnknown})
	if err != nil || !bytes.Equal(got, []byte("[0,3,4]")) {
		t.Errorf("exit codes %s, %v", got, err)
	}
}

// TestOutputsPage: the page names every format, and every metric with its labels.
func TestOutputsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/outputs.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(slices.Clone(Formats), WhyFormats...) {
		if !bytes.Contains(page, []byte("`"+f.Name+"`")) {
			t.Errorf("format %s is not on the page", f.Name)
		}
	}
	for _, family := range metrics(readReport(t, "testdata/not-ready/report.json")) {
		var labels []string
		for _, l := range family.Metric[0].Label {
			labels = append(labels, "`"+l.GetName()+"`")
		}
		row := fmt.Sprintf("\n| `%s` | %s |", family.GetName(), strings.Join(labels, ", "))
		if len(labels) == 0 {
			row = fmt.Sprintf("\n| `%s` | |", family.GetName())
		}
		if !bytes.Contains(page, []byte(row)) {
			t.Errorf("the page has not the row %s", strings.TrimSpace(row))
		}
	}
}
