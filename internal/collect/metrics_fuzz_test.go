package collect

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzMetrics reads pages that are no metrics pages, or not quite. Seeds are real kubelets' pages,
// around the family that is read.
func FuzzMetrics(f *testing.F) {
	files, err := filepath.Glob("../../test/cluster/testdata/kubelet/*.gz")
	if err != nil || len(files) == 0 {
		f.Fatalf("no recorded pages: %v", err)
	}
	for _, file := range files {
		page := unzipped(f, file)
		at := max(bytes.Index(page, []byte("# HELP "+familyGates)), 0)
		f.Add(page[max(at-500, 0):min(at+3000, len(page))])
	}
	f.Add([]byte("# TYPE kubernetes_feature_enabled gauge\nkubernetes_feature_enabled{name=\"SidecarContainers\",stage=\"BETA\"} 1e999\n"))
	f.Add([]byte("# TYPE kubernetes_feature_enabled histogram\nkubernetes_feature_enabled_bucket{le=\"\xff\"} NaN\n"))
	f.Fuzz(func(t *testing.T, page []byte) {
		lines, err := familyLines(bytes.NewReader(page), familyBuild, familyGates)
		if err != nil {
			return
		}
		if len(lines) > len(page) {
			t.Errorf("%d bytes out of %d", len(lines), len(page))
		}
		families, err := parse(lines)
		if err != nil {
			return
		}
		reading := gateReading("kubelet", lines, families)
		if reading.Enabled != nil && !bytes.Contains(page, []byte("SidecarContainers")) && !bytes.Contains(page, []byte(`\`)) {
			t.Errorf("a gate that the page does not name: %+v", reading)
		}
	})
}

func unzipped(tb testing.TB, file string) []byte {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	page, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return page
}
