package prometheus_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/node_exporter/collector"
)

// textfiles is the node exporter's collector, as its registry sees it.
type textfiles struct{ collector.Collector }

func (textfiles) Describe(chan<- *prometheus.Desc) {}

func (c textfiles) Collect(ch chan<- prometheus.Metric) {
	if err := c.Update(ch); err != nil {
		ch <- prometheus.NewInvalidMetric(prometheus.NewDesc("textfiles", "", nil, nil), err)
	}
}

// TestTextfileCollector: the node exporter passes on every series that is in the file.
func TestTextfileCollector(t *testing.T) {
	reports, err := filepath.Glob(testdata + "*/prometheus.prom")
	if err != nil || len(reports) == 0 {
		t.Fatalf("no reports: %v", err)
	}
	dir := t.TempDir()
	if _, err := kingpin.CommandLine.Parse([]string{"--collector.textfile.directory=" + dir}); err != nil {
		t.Fatal(err)
	}
	for _, report := range reports {
		data, err := os.ReadFile(report)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "kubectl-sidecar.prom"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := collector.NewTextFileCollector(slog.New(slog.NewTextHandler(os.Stderr, nil)))
		if err != nil {
			t.Fatal(err)
		}
		registry := prometheus.NewRegistry()
		registry.MustRegister(textfiles{c})
		gathered, err := registry.Gather()
		if err != nil {
			t.Errorf("%s: %v", report, err)
		}
		got := map[string]int{}
		for _, family := range gathered {
			got[family.GetName()] = len(family.Metric)
			if family.GetName() == "node_textfile_scrape_error" && family.Metric[0].Gauge.GetValue() != 0 {
				t.Errorf("%s: the collector refuses the file", report)
			}
		}
		for name, family := range families(t, report) {
			if got[name] != len(family.Metric) {
				t.Errorf("%s: %d of %d series of %s", report, got[name], len(family.Metric), name)
			}
		}
	}
}
