// Package prometheus_test gives what the plugin writes to those who read it: the textfile collector of
// the node exporter, and Prometheus with the alerts of the documentation. It is a module of its own,
// since both bring their own libraries.
package prometheus_test

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

const (
	testdata = "../../../pkg/print/testdata/"
	alerts   = "../../../docs/examples/alerts.yaml"
)

// TestAlerts: which alerts fire on which report, evaluated by Prometheus' own engine on the day of the
// report and three days later.
func TestAlerts(t *testing.T) {
	groups, errs := rulefmt.ParseFile(alerts, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	taken := time.Date(2026, 3, 2, 8, 15, 0, 0, time.UTC)
	for _, test := range []struct {
		report string
		at     time.Time
		want   []string
	}{
		{"ready", taken.Add(time.Hour), nil},
		{"not-ready", taken.Add(time.Hour), []string{"NativeSidecarsNotReady"}},
		{"unknown", taken.Add(time.Hour), []string{"NativeSidecarsUnknown"}},
		{"hostile", taken.Add(time.Hour), []string{"NativeSidecarsNotReady"}},
		{"ready", taken.Add(72 * time.Hour), []string{"NativeSidecarsReportStale"}},
		{"empty", taken.Add(time.Hour), []string{"NativeSidecarsReportStale", "NativeSidecarsUnknown"}},
		{"", taken, []string{"NativeSidecarsReportAbsent"}},
	} {
		var firing []string
		for _, rule := range groups.Groups[0].Rules {
			if fires(t, samples(t, test.report), rule.Expr, test.at) {
				firing = append(firing, rule.Alert)
			}
		}
		slices.Sort(firing)
		if !slices.Equal(firing, test.want) {
			t.Errorf("%q at %v: %v, want %v", test.report, test.at, firing, test.want)
		}
	}
}

// samples are those of a report as a scrape stores them, in the notation of Prometheus' own tests.
func samples(t *testing.T, report string) string {
	t.Helper()
	if report == "" {
		return "load 1m\n  up 1"
	}
	var load strings.Builder
	load.WriteString("load 1m\n")
	for name, family := range families(t, testdata+report+"/prometheus.prom") {
		for _, m := range family.Metric {
			labels := []string{`instance="node-1:9100"`, `job="node"`}
			for _, l := range m.Label {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			fmt.Fprintf(&load, "  %s{%s} %v\n", name, strings.Join(labels, ","), m.Gauge.GetValue())
		}
	}
	return load.String()
}

func families(t *testing.T, file string) map[string]*dto.MetricFamily {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := expfmt.NewTextParser(model.LegacyValidation)
	out, err := text.TextToMetricFamilies(f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fires evaluates an expression at a time at which the samples have just been scraped.
func fires(t *testing.T, load, expr string, at time.Time) bool {
	t.Helper()
	storage := promqltest.LoadedStorage(t, load)
	defer storage.Close()
	engine := promqltest.NewTestEngine(t, false, 100*365*24*time.Hour, promqltest.DefaultMaxSamplesPerQuery)
	// The samples are at the beginning of time; the engine looks back as far as it is told to.
	query, err := engine.NewInstantQuery(t.Context(), storage, nil, expr, at)
	if err != nil {
		t.Fatal(err)
	}
	defer query.Close()
	result := query.Exec(t.Context())
	if result.Err != nil {
		t.Fatalf("%s: %v", expr, result.Err)
	}
	vector, ok := result.Value.(promql.Vector)
	if !ok {
		t.Fatalf("%s: %T", expr, result.Value)
	}
	return len(vector) > 0
}
