package print

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// TestManyDiagnoses: four times as many diagnoses take about four times the memory to print, in every format.
func TestManyDiagnoses(t *testing.T) {
	for _, f := range WhyFormats {
		few, many := allocated(t, f, 400), allocated(t, f, 1600)
		if many > 6*few {
			t.Errorf("%s: 400 diagnoses take %d bytes, 1600 take %d", f.Name, few, many)
		}
	}
}

// allocated is how many bytes it takes to print n diagnoses.
func allocated(t *testing.T, f Format, n int) uint64 {
	t.Helper()
	r := &report.Report{}
	for i := range n {
		o := checks.Object{Kind: "Pod", Namespace: "shop", Name: fmt.Sprintf("web-%d", i)}
		r.Diagnoses = append(r.Diagnoses, pods.Diagnosis{Object: o, Owner: o, Pods: []string{o.Name}, Message: "it waits", Symptoms: []pods.Symptom{}})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := f.Print(io.Discard, r, Options{}); err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
