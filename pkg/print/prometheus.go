package print

import (
	"io"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// prometheusDocument is for the textfile collector of the node exporter: gauges without time stamps,
// which that collector refuses. What is not known has no sample, so that nothing can compare with it.
func prometheusDocument(w io.Writer, r *report.Report, _ Options) error {
	for _, family := range metrics(r) {
		if len(family.Metric) == 0 {
			continue
		}
		if _, err := expfmt.MetricFamilyToText(w, family); err != nil {
			return err
		}
	}
	return nil
}

func metrics(r *report.Report) []*dto.MetricFamily {
	var all []*dto.MetricFamily
	for _, list := range [][]*dto.MetricFamily{verdictMetrics(r), checkMetrics(r), coverageMetrics(r), waiverMetrics(r)} {
		all = append(all, list...)
	}
	return all
}

func gauge(name, help string) *dto.MetricFamily {
	name = "kubectl_sidecar_" + name
	kind := dto.MetricType_GAUGE
	return &dto.MetricFamily{Name: &name, Help: &help, Type: &kind}
}

// sample adds one to a family; labels are names and values in turn.
func sample(family *dto.MetricFamily, value float64, labels ...string) {
	m := &dto.Metric{Gauge: &dto.Gauge{Value: &value}}
	for i := 0; i < len(labels); i += 2 {
		m.Label = append(m.Label, &dto.LabelPair{Name: &labels[i], Value: &labels[i+1]})
	}
	family.Metric = append(family.Metric, m)
}

func is(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func verdictMetrics(r *report.Report) []*dto.MetricFamily {
	ready := gauge("ready", "Whether the verdict is ready: 1; 0 for not-ready and for unknown.")
	sample(ready, is(r.Verdict == report.Ready))
	verdict := gauge("verdict", "1 for the verdict, 0 for the other values that it can have.")
	for _, v := range []report.Verdict{report.Ready, report.NotReady, report.Unknown} {
		sample(verdict, is(r.Verdict == v), "verdict", string(v))
	}
	taken := gauge("report_timestamp_seconds", "When the cluster was looked at, in Unix time; absent when a file does not tell.")
	if !r.TakenAt.IsZero() {
		sample(taken, float64(r.TakenAt.Unix()))
	}
	info := gauge("report_info", "1; what the report is about and what made it.")
	sample(info, 1, "server", r.Cluster.Server, "kubernetes_version", r.Cluster.Version, "version", r.Tool.Version,
		"limited", strings.Join(r.Limits, "; "))
	return []*dto.MetricFamily{ready, verdict, taken, info}
}

// statuses are those that a check can have.
var statuses = []checks.Status{checks.Pass, checks.Fail, checks.Unknown, checks.Skipped, report.Waived}

func checkMetrics(r *report.Report) []*dto.MetricFamily {
	status := gauge("check_status", "1 for the status of the check, 0 for the other values that it can have.")
	findings := gauge("check_findings", "Findings of the check that count.")
	gaps := gauge("check_gaps", "What the check would have had to see and did not, so that it could not tell.")
	suppressed := gauge("check_suppressed_findings", "Findings of the check that do not count, because of a suppression or the baseline.")
	accepted := gauge("check_accepted_gaps", "Gaps of the check that do not count, because they were accepted.")
	for _, e := range r.Checks {
		labels := []string{"check", e.ID, "severity", e.Severity.String()}
		for _, s := range statuses {
			sample(status, is(e.Status == s), "check", e.ID, "severity", e.Severity.String(), "status", string(s))
		}
		if e.Status == checks.Skipped {
			continue
		}
		sample(findings, float64(len(e.Findings)), labels...)
		sample(gaps, float64(len(e.Missing)), labels...)
		sample(suppressed, float64(len(e.Suppressed)), labels...)
		sample(accepted, float64(len(e.Accepted)), labels...)
	}
	return []*dto.MetricFamily{status, findings, gaps, suppressed, accepted}
}

func coverageMetrics(r *report.Report) []*dto.MetricFamily {
	seen := gauge("coverage_seen", "Objects of the kind that were seen.")
	expected := gauge("coverage_expected", "Objects of the kind that there are; absent when that is not known.")
	complete := gauge("coverage_complete", "Whether all objects of the kind were seen: 1; 0 also when that is not known, or a check lacks some.")
	lacking := report.LackingKinds(r)
	for _, c := range r.Coverage {
		sample(seen, float64(c.Seen), "kind", string(c.Kind))
		sample(complete, is(c.Total >= 0 && c.Seen >= c.Total && !slices.Contains(lacking, c.Kind)), "kind", string(c.Kind))
		if c.Total >= 0 {
			sample(expected, float64(c.Total), "kind", string(c.Kind))
		}
	}
	return []*dto.MetricFamily{seen, expected, complete}
}

// waiverStates are what can come of a waiver.
var waiverStates = []report.WaiverState{report.Used, report.Unused, report.Expired, report.Invalid}

func waiverMetrics(r *report.Report) []*dto.MetricFamily {
	waivers := gauge("waivers", "Waivers (suppressions, accepted gaps, lines of the baseline) by what came of them.")
	for _, state := range waiverStates {
		n := 0
		for _, w := range r.Waivers {
			if w.State == state {
				n++
			}
		}
		sample(waivers, float64(n), "state", string(state))
	}
	return []*dto.MetricFamily{waivers}
}
