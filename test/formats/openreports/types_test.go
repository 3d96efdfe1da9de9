// Package openreports_test holds the objects that the plugin prints against the types of the project
// that dashboards use. It is a module of its own, since those types bring their own libraries.
package openreports_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/openreports/reports-api/apis/openreports.io/v1alpha1"
	"sigs.k8s.io/yaml"
)

// TestTypes: every field that is printed is one of theirs, and none gets lost on the way through.
func TestTypes(t *testing.T) {
	files, err := filepath.Glob("../../../pkg/print/testdata/*/openreports.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no objects: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var report v1alpha1.ClusterReport
		if err := yaml.UnmarshalStrict(data, &report); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if report.APIVersion != v1alpha1.SchemeGroupVersion.String() || report.Kind != "ClusterReport" || len(report.Results) == 0 {
			t.Errorf("%s: %s %s with %d results", file, report.APIVersion, report.Kind, len(report.Results))
		}
		again, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		var want, got map[string]any
		if err := yaml.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &got); err != nil {
			t.Fatal(err)
		}
		unset(got)
		unset(want)
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s: printed\n%s\nthrough their types\n%s", file, data, again)
		}
	}
}

// unset removes what the types write although it is not there.
func unset(object map[string]any) {
	delete(object["metadata"].(map[string]any), "creationTimestamp")
	for _, r := range object["results"].([]any) {
		result := r.(map[string]any)
		if at, ok := result["timestamp"].(map[string]any); ok && at["seconds"] == 0.0 {
			delete(result, "timestamp")
		}
	}
}
