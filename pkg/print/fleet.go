package print

import (
	"io"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/jstemmer/go-junit-report/v2/junit"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// A FleetPrinter writes the reports of several clusters. It knows no check and decides nothing.
type FleetPrinter func(w io.Writer, f *report.Fleet, o Options) error

// escapedFleet is escaped for a list of reports: names of contexts are text from outside as well.
func escapedFleet(p FleetPrinter) FleetPrinter {
	return func(w io.Writer, f *report.Fleet, o Options) error { return p(w, cleanFleet(f), o) }
}

func cleanFleet(f *report.Fleet) *report.Fleet {
	c := *f
	c.APIVersion, c.Kind, c.Tool.Version = line(f.APIVersion), line(f.Kind), line(f.Tool.Version)
	c.Command, c.Verdict, c.Summary = line(f.Command), report.Verdict(line(string(f.Verdict))), line(f.Summary)
	c.Clusters = each(f.Clusters, cleanMember)
	c.Items = each(f.Items, clean)
	return &c
}

func cleanMember(m report.Member) report.Member {
	m.Cluster, m.Verdict = cleanCluster(m.Cluster), report.Verdict(line(string(m.Verdict)))
	if m.First != nil {
		m.First = &report.First{
			Status: checks.Status(line(string(m.First.Status))), Check: line(m.First.Check), Object: line(m.First.Object), Message: line(m.First.Message),
		}
	}
	return m
}

func cleanCluster(c report.Cluster) report.Cluster {
	return report.Cluster{Context: line(c.Context), Server: line(c.Server), Version: line(c.Version)}
}

func cleanUnreached(u *report.Unreached) *report.Unreached {
	if u == nil {
		return nil
	}
	return &report.Unreached{Reason: line(u.Reason), Remedy: block(u.Remedy)}
}

func fleetJSON(w io.Writer, f *report.Fleet, _ Options) error { return encodeJSON(w, f) }

func fleetYAML(w io.Writer, f *report.Fleet, _ Options) error {
	return encodeYAML(w, "the reports", f)
}

// fleetJUnit has the suites of each cluster, with its name before theirs.
func fleetJUnit(w io.Writer, f *report.Fleet, _ Options) error {
	var all []junit.Testsuite
	for _, r := range f.Items {
		suites := junitSuites(r)
		for i := range suites {
			suites[i].Name = r.Cluster.Context + ": " + suites[i].Name
			for j := range suites[i].Testcases {
				c := &suites[i].Testcases[j]
				c.Classname = junitPackage(r.Cluster.Context) + strings.TrimPrefix(c.Classname, "kubectl-sidecar")
			}
		}
		all = append(all, suites...)
	}
	return WriteJUnit(w, "kubectl sidecar "+f.Command, all)
}

// junitPackage is the first part of the classes of a cluster; a dot in a name would begin another part.
func junitPackage(context string) string {
	return "kubectl-sidecar." + strings.NewReplacer(".", "_", " ", "-").Replace(context)
}

// fleetSARIF has a run for each cluster, and each a category of its own.
func fleetSARIF(w io.Writer, f *report.Fleet, _ Options) error {
	document := sarif.NewReport()
	for _, r := range f.Items {
		document.AddRun(sarifRunOf(r))
	}
	return writeSARIF(w, document)
}

// fleetPrometheus is the metrics of all clusters, each sample with the label cluster.
func fleetPrometheus(w io.Writer, f *report.Fleet, _ Options) error {
	var order []*dto.MetricFamily
	named := map[string]*dto.MetricFamily{}
	for _, r := range f.Items {
		for _, family := range metrics(r) {
			for _, m := range family.Metric {
				label, context := "cluster", r.Cluster.Context
				m.Label = append([]*dto.LabelPair{{Name: &label, Value: &context}}, m.Label...)
			}
			if all := named[family.GetName()]; all != nil {
				all.Metric = append(all.Metric, family.Metric...)
				continue
			}
			named[family.GetName()] = family
			order = append(order, family)
		}
	}
	for _, family := range order {
		if len(family.Metric) == 0 {
			continue
		}
		if _, err := expfmt.MetricFamilyToText(w, family); err != nil {
			return err
		}
	}
	return nil
}
