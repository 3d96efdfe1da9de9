package print

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts/factstest"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// TestWhyFormats prints what real clusters showed of every situation in every format: the JSON is
// as its schema says, the SVG is well-formed XML, and no picture is wider than the page.
func TestWhyFormats(t *testing.T) {
	published, strict := compile(t, readJSON(t, schemaFile)), compile(t, closed(readJSON(t, schemaFile)))
	files, err := filepath.Glob("../../test/e2e/cases/*/seen.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded situations: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			r := whyOf(t, file)
			for _, f := range WhyFormats {
				var out bytes.Buffer
				if err := f.Print(&out, r, Options{Width: 80, Unicode: true}); err != nil {
					t.Fatalf("%s: %v", f.Name, err)
				}
				switch f.Name {
				case "json":
					document, err := jsonschema.UnmarshalJSON(&out)
					if err != nil {
						t.Fatal(err)
					}
					if err := errors.Join(published.Validate(document), strict.Validate(document)); err != nil {
						t.Error(err)
					}
				case "svg":
					wellFormed(t, out.Bytes())
				case "text":
					fits(t, out.String())
				}
			}
		})
	}
}

// TestDiagnosesJSON is the contract of one diagnosis, with all of its fields.
func TestDiagnosesJSON(t *testing.T) {
	r := whyOf(t, "testdata/why/snapshot.yaml")
	out, err := json.MarshalIndent(r.Diagnoses, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/why/diagnoses.json", append(out, '\n'))
}

// TestWhyPages has every format for people as a golden file: one diagnosis with its picture, and one
// whose texts are all hostile, besides one without a known cause.
func TestWhyPages(t *testing.T) {
	one := whyOf(t, "testdata/why/snapshot.yaml")
	hostile := whyOf(t, "testdata/why/snapshot.yaml")
	puzzle := hostile.Diagnoses[0]
	puzzle.RootCause, puzzle.Message = "", "nothing that was seen explains it"
	poison(reflect.ValueOf(&hostile.Diagnoses), strings.Join(attacks[:24], " "))
	hostile.Diagnoses = append(hostile.Diagnoses, puzzle)
	hostile.Summary = report.Troubled(hostile)
	for dir, r := range map[string]*report.Report{"testdata/why": one, "testdata/why_hostile": hostile} {
		for file, format := range map[string]string{
			"text.txt": "text", "short.txt": "short", "page.md": "markdown", "github.txt": "github", "page.html": "html",
		} {
			var out bytes.Buffer
			at := slices.IndexFunc(WhyFormats, func(f Format) bool { return f.Name == format })
			if err := WhyFormats[at].Print(&out, r, Options{Width: 80, Unicode: true}); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			golden(t, filepath.Join(dir, file), out.Bytes())
		}
	}
}

func whyOf(t *testing.T, file string) *report.Report {
	t.Helper()
	s := factstest.Read(t, file)
	return report.Why(s, pods.Judge(s, nil), nil, "test")
}

func wellFormed(t *testing.T, document []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(document)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the SVG is no XML: %v\n%s", err, document)
		}
	}
}

// fits looks at all lines but those that are to be copied, which are not broken.
func fits(t *testing.T, text string) {
	t.Helper()
	for _, l := range strings.Split(text, "\n") {
		if n := twwidth.Width(l); n > 80 && strings.Contains(strings.TrimSpace(l), " ") && !strings.HasPrefix(l, "      ") {
			t.Errorf("%d columns: %s", n, l)
		}
	}
}
