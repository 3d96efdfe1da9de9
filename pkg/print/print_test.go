package print

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

var update = flag.Bool("update", false, "rewrite the golden files; read them before you commit them")

// variants are the formats as golden files, and what else a printer depends on.
var variants = []struct {
	file, format string
	options      Options
}{
	{"text.txt", "text", Options{Width: 80, Unicode: true}},
	{"ascii.txt", "text", Options{Width: 80}},
	{"color.txt", "text", Options{Width: 60, Unicode: true, Color: true}},
	{"wide.txt", "wide", Options{Width: 80, Unicode: true}},
	{"short.txt", "short", Options{Width: 80, Unicode: true}},
	{"page.md", "markdown", Options{}},
	{"github.txt", "github", Options{}},
	{"page.html", "html", Options{}},
	{"json.json", "json", Options{Width: 80, Color: true}},
	{"yaml.yaml", "yaml", Options{Width: 80, Color: true}},
	{"junit.xml", "junit", Options{Width: 80, Color: true}},
	{"sarif.json", "sarif", Options{Width: 80, Color: true}},
	{"prometheus.prom", "prometheus", Options{Width: 80, Color: true}},
	{"openreports.yaml", "openreports", Options{Width: 80, Color: true}},
}

// TestFormats prints every report under testdata in every format.
func TestFormats(t *testing.T) {
	for _, dir := range cases(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			r := readReport(t, filepath.Join(dir, "report.json"))
			r.Summary = report.Summarize(r)
			for _, v := range variants {
				var out bytes.Buffer
				if err := printer(t, v.format)(&out, r, v.options); err != nil {
					t.Fatalf("%s: %v", v.format, err)
				}
				golden(t, filepath.Join(dir, v.file), out.Bytes())
			}
		})
	}
}

// TestWidth: text fits its width, apart from what is there to be copied: commands, YAML, and words
// that cannot be broken.
func TestWidth(t *testing.T) {
	for _, dir := range cases(t) {
		r := readReport(t, filepath.Join(dir, "report.json"))
		verbatim := verbatimLines(r)
		for _, width := range []int{60, 80, 120} {
			var out bytes.Buffer
			if err := printer(t, "text")(&out, r, Options{Width: width}); err != nil {
				t.Fatal(err)
			}
			for l := range strings.Lines(out.String()) {
				l = strings.TrimSuffix(l, "\n")
				words := strings.Fields(l)
				table := strings.Contains(l, "  ") && !strings.HasPrefix(l, " ") // its columns do not shrink below 80
				if len(l) > width && !verbatim[strings.TrimSpace(l)] && len(words) > 1 && !(table && len(l) <= 80) {
					t.Errorf("%s at %d: %d columns: %s", dir, width, len(l), l)
				}
			}
		}
	}
}

// verbatimLines is all lines of commands, and of a remedy what is indented: they stay as they are.
func verbatimLines(r *report.Report) map[string]bool {
	out := map[string]bool{}
	for _, e := range clean(r).Checks {
		out["see: kubectl sidecar explain "+e.ID] = true
		for _, g := range e.Missing {
			for l := range strings.Lines(g.Command) {
				out[strings.TrimSpace(l)] = true
			}
			for l := range strings.Lines(g.Remedy) {
				if strings.HasPrefix(l, " ") {
					out[strings.TrimSpace(l)] = true
				}
			}
		}
		for _, f := range e.Findings {
			for _, s := range stepsOf(f.Steps, f.Fix) {
				for l := range strings.Lines(s.Command) {
					out[strings.TrimSpace(l)] = true
				}
			}
		}
	}
	return out
}

func cases(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*/report.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	var dirs []string
	for _, f := range files {
		dirs = append(dirs, filepath.Dir(f))
	}
	return dirs
}

func readReport(t *testing.T, file string) *report.Report {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	r := &report.Report{}
	if err := d.Decode(r); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return r
}

func printer(t *testing.T, name string) Printer {
	t.Helper()
	for _, f := range Formats {
		if f.Name == name {
			return f.Print
		}
	}
	t.Fatalf("no format %q", name)
	return nil
}

// golden compares got with a file, or writes it with -update.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what is printed now (-want +got); if it is right: go test ./pkg/print -update\n%s", file, diff)
	}
}
