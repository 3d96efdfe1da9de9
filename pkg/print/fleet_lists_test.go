package print

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// TestFleetPlans prints lists of plans for people.
func TestFleetPlans(t *testing.T) {
	one, other := fullPlan(), fullPlan()
	one.Context, other.Context = arn, hostile
	f := plan.NewFleet([]*plan.Plan{one, other, plan.Unreachable("far", "", plan.Unreached{Reason: "connection refused", Remedy: "is it running?"}, "v1")}, "v1")
	for _, format := range []string{"text", "wide", "html"} {
		var out bytes.Buffer
		if err := PlanFleet(&out, f, format); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{arn, "far", "connection refused", "3 clusters: 2 with something to move, 1 unknown (1 not reached)"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", format, want, &out)
			}
		}
		if obeyed(out.Bytes()) >= 0 {
			t.Errorf("%s: a terminal would obey %q", format, out.String())
		}
		golden(t, filepath.Join("testdata", "fleet_plan", format), out.Bytes())
	}
}

// TestFleetDiffs prints what became of a fleet.
func TestFleetDiffs(t *testing.T) {
	f := doctorFleet(t)
	before := report.NewFleet("doctor", f.Items[:5], "v1")
	better := *readReport(t, "testdata/ready/report.json")
	better.Cluster.Context = gke
	after := report.NewFleet("doctor", append([]*report.Report{&better}, slices.DeleteFunc(slices.Clone(f.Items[1:]), func(r *report.Report) bool { return r.Cluster.Context == gke })...), "v1")
	d := report.CompareFleets(before, after, "before.json", "after.json", "v1")
	for _, format := range []string{"text", "wide"} {
		var out bytes.Buffer
		if err := FleetDiff(&out, d, format, Options{Width: 80, Unicode: true}); err != nil {
			t.Fatal(err)
		}
		if obeyed(out.Bytes()) >= 0 {
			t.Errorf("%s: a terminal would obey %q", format, out.String())
		}
		golden(t, filepath.Join("testdata", "fleet_diff", format+".txt"), out.Bytes())
	}
}

// TestFleetContract: what readers of lists may rely on is still so, as TestContract says of reports.
func TestFleetContract(t *testing.T) {
	for _, name := range []string{"reports", "plans", "diffs"} {
		file, copied := "../../docs/schema/"+name+".v1.json", "../../docs/schema/frozen/"+name+".v1.json"
		now, frozen := readJSON(t, file).(map[string]any), readJSON(t, copied).(map[string]any)
		problems := broken(frozen, now)
		for _, problem := range problems {
			t.Errorf("%s: %s: docs/contract.md says that this does not happen within v1", name, problem)
		}
		switch same := reflect.DeepEqual(undescribed(frozen), undescribed(now)); {
		case same || len(problems) > 0:
		case !*update:
			t.Errorf("something was added that %s does not promise yet: go test ./pkg/print -run TestFleetContract -update", copied)
		default:
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(copied, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
