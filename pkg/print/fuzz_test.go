package print

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/cluster"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// FuzzReport judges whatever a file may say of nodes, webhooks and pods, and prints it in every
// format: no crash, and nothing that a terminal would obey. Seeds were recorded on real clusters.
func FuzzReport(f *testing.F) {
	files, err := filepath.Glob("../../test/e2e/cases/*/seen.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no recorded situations: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("kind: Pod\napiVersion: v1\nmetadata: {name: \"a\\e[31m\\u202e\", namespace: \"\\n::error::\"}\nspec: {containers: [{}], initContainers: [{}]}\nstatus: {initContainerStatuses: [{state: {running: {startedAt: null}}}, {}]}\n"))
	f.Add([]byte("kind: Node\napiVersion: v1\nmetadata: {name: a, annotations: {kubectl-sidecar.dev/ignore: \"kubelet-too-old reason=\\e[2J\\n::error:: until=2099-01-31; \\u202e\"}}\nstatus: {nodeInfo: {kubeletVersion: v1.27.4}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := facts.Read(bytes.NewReader(data), "fuzz")
		if err != nil {
			return
		}
		why := report.Why(s, pods.Judge(s, nil), nil, "test")
		for _, format := range WhyFormats {
			printed(t, format.Name, format.Print, why)
		}
		doctor := report.Waive(report.New(s, cluster.Judge(s, nil), "test"), report.Annotations(s), time.Date(2026, 3, 6, 23, 59, 59, 0, time.UTC))
		for _, format := range Formats {
			printed(t, format.Name, format.Print, doctor)
		}
	})
}

func printed(t *testing.T, name string, printer Printer, r *report.Report) {
	t.Helper()
	var out bytes.Buffer
	if err := printer(&out, r, Options{Width: 80, Unicode: true}); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if at := obeyed(out.Bytes()); at >= 0 {
		t.Errorf("%s: a terminal would obey %q", name, out.Bytes()[max(at-40, 0):min(at+40, out.Len())])
	}
}

// obeyed is where text has something that is not for eyes: a control character but the line break,
// a mark that turns or hides text, a byte that is no text; -1 when it has none.
func obeyed(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 || r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return at
		}
		at += size
	}
	return -1
}
