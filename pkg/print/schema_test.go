package print

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "../../docs/schema/report.v1.json"

// TestSchema validates every JSON golden file, once as a reader would and once with a copy of the
// schema that allows no field beyond those it describes.
func TestSchema(t *testing.T) {
	published, strict := compile(t, readJSON(t, schemaFile)), compile(t, closed(readJSON(t, schemaFile)))
	for _, dir := range cases(t) {
		file := filepath.Join(dir, "json.json")
		document := readJSON(t, file)
		if err := published.Validate(document); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if err := strict.Validate(document); err != nil {
			t.Errorf("%s: the schema does not describe all of it: %v", file, err)
		}
	}
}

// TestSchemaRefuses proves that the schema notices what must not happen.
func TestSchemaRefuses(t *testing.T) {
	schema := compile(t, readJSON(t, schemaFile))
	for _, test := range []struct {
		name   string
		change func(map[string]any)
	}{
		{"null array", func(r map[string]any) { r["coverage"] = nil }},
		{"null findings", func(r map[string]any) { r["checks"].([]any)[0].(map[string]any)["findings"] = nil }},
		{"no verdict", func(r map[string]any) { delete(r, "verdict") }},
		{"other verdict", func(r map[string]any) { r["verdict"] = "not ready" }},
		{"ESC", func(r map[string]any) { r["summary"] = "\x1b[31m" }},
		{"line break", func(r map[string]any) { r["summary"] = "a\nb" }},
		{"right-to-left override", func(r map[string]any) { r["summary"] = "\u202e" }},
		{"other version", func(r map[string]any) { r["apiVersion"] = "kubectl-sidecar.dev/v2" }},
	} {
		document := readJSON(t, "testdata/not-ready/json.json").(map[string]any)
		test.change(document)
		if schema.Validate(document) == nil {
			t.Errorf("%s: accepted", test.name)
		}
	}
}

// optional fields are written only where there is something to say; diagnoses by `why` alone.
var optional = []string{
	"finding.because", "suppressed.because", "symptom.because", "finding.namespaces", "suppressed.namespaces", "(report).diagnoses", "(report).inProgress", "(report).gatesSettled", "(report).meanwhile",
	"diagnosis.ruledOut", "diagnosis.progress", "progress.until", "diagnosis.probably", "probable.else",
	"cluster.context", "(report).unreached", "(report).manifests", "finding.place", "suppressed.place", "symptom.place", "place.line", "place.column",
	"(report).changes", "change.container", "change.type", "change.reason", "change.message", "change.exitCode", "change.restarts",
	"change.probe", "change.failures", "change.allowed",
	"finding.container", "suppressed.container", "symptom.container", "diagnosis.container",
	"finding.steps", "suppressed.steps", "symptom.steps", "diagnosis.steps", "step.text", "step.command", "step.language",
	"gap.instance", "accepted.instance", "gap.command", "accepted.command", "instance.kind", "instance.namespace", "instance.name", "instance.configuration", "instance.class",
	"instance.more", "instance.part",
	"timelineRow.exitCode", "timelineRow.blocks", "timelineRow.reason",
	"timelineSegment.from", "timelineSegment.to", "timelineSegment.note",
}

// TestSchemaRequires keeps the required lists complete: a field that is always written is promised.
func TestSchemaRequires(t *testing.T) {
	root := readJSON(t, schemaFile).(map[string]any)
	objects := maps.Clone(root["$defs"].(map[string]any))
	objects["(report)"] = root
	for name, def := range objects {
		properties, isObject := def.(map[string]any)["properties"].(map[string]any)
		if !isObject {
			continue
		}
		want := slices.DeleteFunc(slices.Sorted(maps.Keys(properties)), func(s string) bool { return slices.Contains(optional, name+"."+s) })
		got := []string{}
		for _, field := range def.(map[string]any)["required"].([]any) {
			got = append(got, field.(string))
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: required is not all properties (-want +got):\n%s", name, diff)
		}
	}
}

// TestRoundTrip reads the JSON back: another program can turn it into any other format.
func TestRoundTrip(t *testing.T) {
	for _, dir := range cases(t) {
		file := filepath.Join(dir, "json.json")
		r := readReport(t, file)
		var again bytes.Buffer
		if err := printer(t, "json")(&again, r, Options{}); err != nil {
			t.Fatal(err)
		}
		golden(t, file, again.Bytes())
	}
}

func compile(t *testing.T, document any) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("report.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func readJSON(t *testing.T, file string) any {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(data) {
		t.Fatalf("%s is not JSON", file)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// closed forbids unknown fields in every object that the schema describes.
func closed(node any) any {
	switch v := node.(type) {
	case map[string]any:
		for _, child := range v {
			closed(child)
		}
		if _, isObject := v["properties"].(map[string]any); isObject {
			v["additionalProperties"] = false
		}
	case []any:
		for _, child := range v {
			closed(child)
		}
	}
	return node
}
