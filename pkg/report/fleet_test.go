package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
)

func of(context string, verdict Verdict, entries ...Entry) *Report {
	return &Report{Cluster: Cluster{Context: context}, Verdict: verdict, Checks: entries, ExitRule: &ExitRule{FailOn: checks.Error, Exit: exitCode(entries, checks.Error)}}
}

func failing(id string, severity checks.Severity, name string) Entry {
	return Entry{ID: id, Severity: severity, Status: checks.Fail, Findings: []checks.Finding{{Object: checks.Object{Kind: "Node", Name: name}, Message: "it is " + id}}}
}

func far(context string, failOn checks.Severity) *Report {
	all := []checks.Check{{ID: "a", Severity: checks.Warning}, {ID: "b", Severity: checks.Error}}
	r := Unreachable("doctor", Cluster{Context: context}, all, func(id string) bool { return id == "a" }, Unreached{Reason: "no route", Remedy: "check it"}, "v1")
	r.Obey(ExitRule{FailOn: failOn, Exit: r.ExitCode(failOn)})
	return r
}

// TestFleet: the worst comes first, and the exit code is the worst: what was found before what was not seen.
func TestFleet(t *testing.T) {
	fine := of("fine", Ready, Entry{ID: "a", Severity: checks.Error, Status: checks.Pass})
	warned := of("warned", Ready, failing("w", checks.Warning, "n1"))
	broken := of("broken", NotReady, failing("w", checks.Warning, "n1"), failing("e", checks.Error, "n2"))
	worst := of("worst", NotReady, failing("e", checks.Error, "n3"), failing("f", checks.Error, "n4"))
	f := NewFleet("doctor", []*Report{fine, warned, far("far", checks.Error), broken, worst}, "v1")
	var order []string
	for i, m := range f.Clusters {
		order = append(order, m.Context)
		if f.Items[i].Cluster.Context != m.Context {
			t.Errorf("row %d is of %s, the report of %s", i, m.Context, f.Items[i].Cluster.Context)
		}
	}
	if diff := cmp.Diff([]string{"worst", "broken", "far", "warned", "fine"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if f.ExitCode != ExitFindings || f.Verdict != NotReady {
		t.Errorf("exit code %d, verdict %s", f.ExitCode, f.Verdict)
	}
	if want := "5 clusters: 2 not ready, 1 unknown (1 not reached), 2 ready"; f.Summary != want {
		t.Errorf("summary %q, want %q", f.Summary, want)
	}
	want := &First{Status: checks.Fail, Check: "e", Object: "node/n2", Message: "it is e"}
	if diff := cmp.Diff(want, f.Clusters[1].First); diff != "" {
		t.Errorf("first of broken (-want +got):\n%s", diff)
	}
	if got := f.Clusters[1]; got.Errors != 1 || got.Warnings != 1 || !got.Reached {
		t.Errorf("row of broken: %+v", got)
	}
}

// TestFleetUnreached: a cluster of which nothing was read is unknown, whatever --checks and --fail-on leave of it.
func TestFleetUnreached(t *testing.T) {
	for _, failOn := range []checks.Severity{checks.Info, checks.Warning, checks.Error} {
		r := far("far", failOn)
		f := NewFleet("doctor", []*Report{of("fine", Ready, Entry{ID: "b", Severity: checks.Error, Status: checks.Pass}), r}, "v1")
		if f.ExitCode != ExitUnknown || f.Verdict != Unknown {
			t.Errorf("--fail-on %s: exit code %d, verdict %s", failOn, f.ExitCode, f.Verdict)
		}
		m := f.Clusters[0]
		if m.Context != "far" || m.Reached || m.Unknown != 1 || m.First == nil || m.First.Message != "no route" {
			t.Errorf("row %+v, first %+v", m, m.First)
		}
		if r.Checks[1].Status != checks.Skipped {
			t.Errorf("a check that was not selected is %s", r.Checks[1].Status)
		}
	}
	if f := NewFleet("doctor", nil, "v1"); f.Verdict != Unknown || f.Clusters == nil || f.Items == nil {
		t.Errorf("a fleet of nothing: %+v", f)
	}
}

// TestFleetWhy counts root causes and pods.
func TestFleetWhy(t *testing.T) {
	r := of("a", NotReady)
	r.Diagnoses = []pods.Diagnosis{
		{Object: checks.Object{Kind: "Pod", Namespace: "shop", Name: "web"}, RootCause: "startup-probe-failing", Message: "it fails", Pods: []string{"web"}},
		{Object: checks.Object{Kind: "Pod", Namespace: "shop", Name: "db"}, Message: "nobody knows", Pods: []string{"db"}},
	}
	r.InProgress = []pods.Diagnosis{{Pods: []string{"x", "y"}, Progress: &pods.Progress{}}}
	well := of("b", Ready)
	well.Diagnoses, well.InProgress = []pods.Diagnosis{}, []pods.Diagnosis{}
	f := NewFleet("why", []*Report{well, r}, "v1")
	m := f.Clusters[0]
	if m.Errors != 1 || m.Unknown != 1 || m.InProgress != 2 || m.ExitCode != ExitFindings || m.First.Object != "pod/shop/web" {
		t.Errorf("row %+v, first %+v", m, m.First)
	}
	if want := "2 clusters: 1 cause found, 1 nothing wrong"; f.Summary != want {
		t.Errorf("summary %q, want %q", f.Summary, want)
	}
	lost := Unreachable("why", Cluster{Context: "c"}, pods.All(), func(string) bool { return true }, Unreached{Reason: "no"}, "v1")
	if f := NewFleet("why", []*Report{well, lost}, "v1"); f.ExitCode != ExitUnknown {
		t.Errorf("exit code %d of a fleet with a cluster that was not reached", f.ExitCode)
	}
}

// TestFleetWaivers: a waiver that covers something in one cluster is not unused in the others.
func TestFleetWaivers(t *testing.T) {
	a, b := of("a", Ready), of("b", Ready)
	a.Waivers = []Waiver{{Source: "w.yaml:1", State: Used}, {Source: "w.yaml:2", State: Unused}}
	b.Waivers = []Waiver{{Source: "w.yaml:1", State: Unused}, {Source: "w.yaml:2", State: Unused}}
	f := NewFleet("doctor", []*Report{a, b}, "v1")
	if got := f.Items[1].Waivers; len(got) != 1 || got[0].Source != "w.yaml:2" {
		t.Errorf("waivers of b: %+v", got)
	}
	if len(b.Waivers) != 2 {
		t.Error("the report itself was changed")
	}
}
