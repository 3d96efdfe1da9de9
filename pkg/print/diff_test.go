package print

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// TestDiffFormats prints the difference of two of the reports in every format, also with hostile text,
// and validates the JSON.
func TestDiffFormats(t *testing.T) {
	schema := compile(t, readJSON(t, "../../docs/schema/diff.v1.json"))
	strict := compile(t, closed(readJSON(t, "../../docs/schema/diff.v1.json")))
	for _, test := range []struct{ name, before, after string }{
		{"worse", "waived", "not-ready"}, {"better", "not-ready", "ready"}, {"hostile", "ready", "hostile"},
	} {
		before, after := readReport(t, "testdata/"+test.before+"/report.json"), readReport(t, "testdata/"+test.after+"/report.json")
		before.Summary, after.Summary = report.Summarize(before), report.Summarize(after)
		d := report.Compare(before, after, test.before+".yaml", test.after+".yaml", "v0.1.0")
		for _, f := range DiffFormats {
			var out bytes.Buffer
			if err := f.Print(&out, d, Options{Width: 80, Unicode: true}); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "diff", test.name+"."+f.Name)
			golden(t, file, out.Bytes())
			if at := obeyed(out.Bytes()); at >= 0 {
				t.Errorf("%s: a terminal would obey %q", file, out.Bytes()[max(at-40, 0):min(at+40, out.Len())])
			}
			if f.Name != "json" {
				continue
			}
			document := readJSON(t, file)
			if err := schema.Validate(document); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			if err := strict.Validate(document); err != nil {
				t.Errorf("%s: the schema does not describe all of it: %v", file, err)
			}
		}
	}
}
