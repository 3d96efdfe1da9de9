package print

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/jstemmer/go-junit-report/v2/junit"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// TestFleetJUnit: the suites of each cluster are there under its name, and no class has a part more or less.
func TestFleetJUnit(t *testing.T) {
	var out bytes.Buffer
	if err := fleetPrinter(t, Formats, "junit")(&out, doctorFleet(t), Options{}); err != nil {
		t.Fatal(err)
	}
	var all junit.Testsuites
	if err := xml.Unmarshal(out.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range all.Suites {
		context, category, _ := strings.Cut(s.Name, ": ")
		if seen[s.Name] || category == "" {
			t.Errorf("suite %q", s.Name)
		}
		seen[s.Name], seen[context] = true, true
		for _, c := range s.Testcases {
			if strings.Count(c.Classname, ".") != 2 {
				t.Errorf("class %q", c.Classname)
			}
			if context == "far" && (c.Failure != nil || c.Error == nil && c.Skipped == nil) {
				t.Errorf("of a cluster that was not reached %s passes", c.Name)
			}
		}
	}
	if !seen["far"] || !seen["staging"] {
		t.Errorf("suites of %v", seen)
	}
}

// TestFleetSARIF: a valid run for each cluster, in a category of its own, and no alert is that of another cluster.
func TestFleetSARIF(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(sarifSchema(t)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := fleetPrinter(t, Formats, "sarif")(&out, doctorFleet(t), Options{}); err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := compile(t, document).Validate(parsed); err != nil {
		t.Error(err)
	}
	var log struct {
		Runs []struct {
			AutomationDetails struct{ ID string }
			Results           []struct{ PartialFingerprints map[string]string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	ids, prints := map[string]bool{}, map[string]bool{}
	for _, run := range log.Runs {
		if id := run.AutomationDetails.ID; ids[id] || !strings.HasPrefix(id, "kubectl-sidecar/") || strings.Count(id, "/") != 2 {
			t.Errorf("category %q", id)
		}
		ids[run.AutomationDetails.ID] = true
		for _, r := range run.Results {
			if print := r.PartialFingerprints["kubectlSidecar/v1"]; prints[print] {
				t.Errorf("fingerprint %s twice", print)
			} else {
				prints[print] = true
			}
		}
	}
	if len(ids) != 7 {
		t.Errorf("runs %v", ids)
	}
}

// TestFleetMetrics: promlint has nothing to say, and every sample says of which cluster it is, once.
func TestFleetMetrics(t *testing.T) {
	var out bytes.Buffer
	if err := fleetPrinter(t, Formats, "prometheus")(&out, doctorFleet(t), Options{}); err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(bytes.NewReader(out.Bytes())).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	seen, help := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(out.String()) {
		if name, isHelp := strings.CutPrefix(line, "# HELP "); isHelp {
			if help[name] {
				t.Errorf("twice: %s", line)
			}
			help[name] = true
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		labels, _, _ := strings.Cut(line, "} ")
		if seen[labels] || !strings.Contains(labels, `{cluster="`) {
			t.Errorf("twice, or of no cluster: %s", line)
		}
		seen[labels] = true
	}
	for _, want := range []string{`kubectl_sidecar_ready{cluster="` + arn + `"} 1`, `kubectl_sidecar_ready{cluster="far"} 0`, `kubectl_sidecar_verdict{cluster="far",verdict="unknown"} 1`} {
		if !strings.Contains(out.String(), want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

// TestFleetOpenReports: an object for each cluster, each with a name and a label that an API server takes.
func TestFleetOpenReports(t *testing.T) {
	var out bytes.Buffer
	if err := fleetPrinter(t, Formats, "openreports")(&out, doctorFleet(t), Options{}); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, text := range strings.Split(out.String(), "\n---\n") {
		var o openReport
		if err := yaml.UnmarshalStrict([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		label := o.Metadata.Labels["kubectl-sidecar.dev/cluster"]
		if names[o.Metadata.Name] || len(label) > 63 || label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(label, "-") {
			t.Errorf("name %q, label %q", o.Metadata.Name, label)
		}
		names[o.Metadata.Name] = true
	}
	if len(names) != 7 || !names["kubectl-sidecar-doctor-edge-1"] {
		t.Errorf("objects %v", names)
	}
	if a, b := objectName("Prod.eu", 63), objectName("prod-eu", 63); a == b || b != "prod-eu" {
		t.Errorf("two clusters are one: %s, %s", a, b)
	}
}
