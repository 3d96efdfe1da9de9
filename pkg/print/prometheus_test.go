package print

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// readMetrics prints a report, lints it as promtool does and reads it back as Prometheus does: family
// to labels to value.
func readMetrics(t *testing.T, r *report.Report) map[string]map[string]float64 {
	t.Helper()
	var out bytes.Buffer
	if err := printer(t, "prometheus")(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.New(bytes.NewReader(out.Bytes())).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&out)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]map[string]float64{}
	for name, family := range families {
		values[name] = map[string]float64{}
		for _, m := range family.Metric {
			if m.TimestampMs != nil {
				t.Errorf("%s has a time stamp, which the textfile collector refuses", name)
			}
			if _, twice := values[name][labels(m)]; twice {
				t.Errorf("%s has %s twice", name, labels(m))
			}
			values[name][labels(m)] = m.Gauge.GetValue()
		}
	}
	return values
}

func labels(m *dto.Metric) string {
	text := ""
	for _, l := range m.Label {
		text += "," + l.GetName() + "=" + l.GetValue()
	}
	return text
}

// TestMetrics: of a state set exactly one is 1, and ready agrees with the verdict.
func TestMetrics(t *testing.T) {
	for _, dir := range cases(t) {
		r := readReport(t, dir+"/report.json")
		values := readMetrics(t, r)
		verdicts := map[string]float64{",verdict=ready": 0, ",verdict=not-ready": 0, ",verdict=unknown": 0}
		verdicts[",verdict="+string(r.Verdict)] = 1
		if diff := cmp.Diff(verdicts, values["kubectl_sidecar_verdict"]); diff != "" {
			t.Errorf("%s: verdict (-want +got):\n%s", dir, diff)
		}
		if values["kubectl_sidecar_ready"][""] != verdicts[",verdict=ready"] {
			t.Errorf("%s: ready %v", dir, values["kubectl_sidecar_ready"])
		}
		for _, e := range r.Checks {
			sum := 0.0
			for _, s := range statuses {
				sum += values["kubectl_sidecar_check_status"][",check="+e.ID+",severity="+e.Severity.String()+",status="+string(s)]
			}
			if sum != 1 {
				t.Errorf("%s: %s has %v statuses", dir, e.ID, sum)
			}
		}
	}
}

// TestMetricsOfTheUnknown: what is not known has no number that could be taken for a good one.
func TestMetricsOfTheUnknown(t *testing.T) {
	got := readMetrics(t, &report.Report{
		Verdict: report.Unknown,
		Coverage: []report.Coverage{
			{Kind: "nodes", Seen: 2, Total: -1}, {Kind: "kubelets", Seen: 2, Total: 3},
			{Kind: "controlplane", Seen: 0, Total: 0}, {Kind: "namespaces", Seen: 5, Total: 5},
		},
		Checks: []report.Entry{
			{ID: "lacking", Severity: checks.Error, Status: checks.Unknown, Missing: gaps("controlplane")},
			{ID: "left-out", Severity: checks.Error, Status: checks.Skipped},
		},
		Waivers: []report.Waiver{{State: report.Expired}},
	})
	delete(got, "kubectl_sidecar_check_status")
	delete(got, "kubectl_sidecar_verdict")
	lacking := ",check=lacking,severity=error"
	want := map[string]map[string]float64{
		"kubectl_sidecar_ready":                     {"": 0},
		"kubectl_sidecar_report_info":               {",server=,kubernetes_version=,version=,limited=": 1},
		"kubectl_sidecar_check_findings":            {lacking: 0},
		"kubectl_sidecar_check_gaps":                {lacking: 1},
		"kubectl_sidecar_check_suppressed_findings": {lacking: 0},
		"kubectl_sidecar_check_accepted_gaps":       {lacking: 0},
		"kubectl_sidecar_coverage_seen":             {",kind=nodes": 2, ",kind=kubelets": 2, ",kind=controlplane": 0, ",kind=namespaces": 5},
		"kubectl_sidecar_coverage_expected":         {",kind=kubelets": 3, ",kind=controlplane": 0, ",kind=namespaces": 5},
		"kubectl_sidecar_coverage_complete":         {",kind=nodes": 0, ",kind=kubelets": 0, ",kind=controlplane": 0, ",kind=namespaces": 1},
		"kubectl_sidecar_waivers":                   {",state=used": 0, ",state=unused": 0, ",state=expired": 1, ",state=invalid": 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
