package manifests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMinorOf(t *testing.T) {
	for constraint, want := range map[string]int{
		">=1.27.0-0": 27, ">= 1.27": 27, ">1.27": 28, ">1.27.3": 27, ">1.27.0-0": 27, "^1.25.0": 25, "~1.28": 28, "~1.28.4": 28, "1.29": 29, "=1.29.x": 29,
		"1.26 - 1.30": 26, ">=1.23.0-0 <1.31.0-0": 23, ">=1.23.0, <1.31.0": 23, "<1.20 || >=1.29": 0, "1.28.x || >= 1.30": 28, ">=1.27 !=1.27.x": 28,
		"*": 0, "1.x": 0, ">=v1.24.0": 24, "<1.31": 30, ">=2.0": 0, "newer": 0, ">=1.27 or so": 0, "": 0,
	} {
		got, understood := minorOf(constraint)
		if all := constraint == "*" || constraint == "1.x" || strings.HasPrefix(constraint, "<1.20 ||"); got != want || understood != (want > 0 || all) {
			t.Errorf("%q: %d, %v, want %d", constraint, got, understood, want)
		}
	}
}

func TestCharts(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"web/Chart.yaml": "apiVersion: v2\nname: web\nkubeVersion: \">=1.27.0-0\"\n", "web/templates/a.yaml": "kind: {{ .Values.kind }}\n", "web/rendered.yaml": "kind: Pod\n",
		"job/Chart.yaml": "kubeVersion: recent\n", "job/templates/a.tpl": "{{ .Capabilities.KubeVersion }}\n",
		"none/Chart.yaml": "kubeVersion: '>=1.20'\n", "silent/Chart.yaml": "name: silent\n", "silent/templates/a.yaml": "",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	got := Charts([]string{"web/rendered.yaml", "web", "job/", "none", "silent", "-", "nowhere"})
	want := []Chart{{File: "web/Chart.yaml", KubeVersion: ">=1.27.0-0", Minor: 27, Understood: true}, {File: "job/Chart.yaml", KubeVersion: "recent", Decides: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
