package collect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

func reading(enabled *bool, stage, evidence string) *facts.FeatureReading {
	return &facts.FeatureReading{Component: "kubelet", Enabled: enabled, Stage: stage, Source: facts.SourceMetrics, Evidence: evidence}
}

var yes, no = true, false

// Pages of real kubelets.
func TestRecordedPages(t *testing.T) {
	series := func(stage string, value int) string {
		return fmt.Sprintf(`kubernetes_feature_enabled{name="SidecarContainers",stage=%q} %d`, stage, value)
	}
	for name, want := range map[string]*facts.FeatureReading{
		"1.27":     reading(nil, "", "kubernetes_feature_enabled lists 147 gates, SidecarContainers is not among them"),
		"1.28-off": reading(&no, "ALPHA", series("ALPHA", 0)),
		"1.28-on":  reading(&yes, "ALPHA", series("ALPHA", 1)),
		"1.32-off": reading(&no, "BETA", series("BETA", 0)),
		"1.32-on":  reading(&yes, "BETA", series("BETA", 1)),
		"1.36":     reading(&yes, "", series("", 1)),
	} {
		text := recorded(t, "metrics-"+name+".txt.gz")
		source := &countingReader{r: strings.NewReader(text)}
		lines, err := familyLines(source, familyGates)
		if err != nil {
			t.Fatal(err)
		}
		families, err := parse(lines)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, gateReading("kubelet", lines, families)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		if source.n == len(text) {
			t.Errorf("%s: read to the end", name)
		}
	}
}

type countingReader struct {
	r io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func familyLines(page io.Reader, wanted ...string) ([]byte, error) {
	var out bytes.Buffer
	err := readFamilies(&out, page, wanted...)
	return out.Bytes(), err
}

func TestReadFamilies(t *testing.T) {
	const gates = "# TYPE kubernetes_feature_enabled gauge\nkubernetes_feature_enabled{name=\"A\"} 1\n"
	longLabel := strings.Repeat("x", 200<<10)
	for _, test := range []struct {
		name string
		page io.Reader
		want string
		err  string
	}{
		{"the family alone", strings.NewReader(gates), gates, ""},
		{"between others", strings.NewReader("# TYPE a gauge\na 1\n" + gates + "# TYPE z gauge\nz 1\n"), gates, ""},
		{"byte by byte", iotest.OneByteReader(strings.NewReader("# TYPE a gauge\na 1\n" + gates)), gates, ""},
		{"no line end at the end", strings.NewReader(strings.TrimSpace(gates)), strings.TrimSpace(gates), ""},
		{"no such family", strings.NewReader("# TYPE a gauge\na 1\n"), "", ""},
		{"names that begin the same", strings.NewReader("# TYPE kubernetes_feature gauge\nkubernetes_feature 1\n" + gates + "kubernetes_feature_enabled_more 1\n"), gates, ""},
		{"a long line in another family", strings.NewReader("# TYPE a gauge\na{x=\"" + longLabel + "\"} 1\n" + gates), gates, ""},
		{"an error in the middle", io.MultiReader(strings.NewReader("# TYPE a gauge\na 1\n"), iotest.ErrReader(io.ErrUnexpectedEOF)), "", "the page broke off: unexpected EOF"},
		{"an error after the family is not met", io.MultiReader(strings.NewReader(gates+"# TYPE z gauge\n"), iotest.ErrReader(io.ErrUnexpectedEOF)), gates, ""},
		{"empty", strings.NewReader(""), "", "the answer is not a metrics page"},
		{"a web page", strings.NewReader("<html>\n<body>zzz</body>\n"), "", "the answer is not a metrics page"},
		{"JSON", strings.NewReader(`{"kind":"Status"}`), "", "the answer is not a metrics page"},
		{"words", strings.NewReader("Unauthorized\n"), "", "the answer is not a metrics page"},
		{"an endless line", strings.NewReader("a{x=\"" + strings.Repeat("x", maxLine+1)), "", "the answer is not a metrics page: a line is longer than 1 MB"},
		{"an endless family", io.MultiReader(strings.NewReader(gates), &endless{[]byte("kubernetes_feature_enabled{name=\"B\"} 1\n")}), "", "the answer is not a metrics page: kubernetes_feature_enabled is larger than 4 MB"},
		{"an endless page", &endless{[]byte("# TYPE a gauge\na 1\n" + strings.Repeat("b 1\n", 10000))}, "", "the metrics page is larger than 512 MB"},
	} {
		if testing.Short() && test.name == "an endless page" {
			continue
		}
		got, err := familyLines(test.page, familyGates)
		if diff := cmp.Diff(test.want, string(got)); diff != "" && test.err == "" {
			t.Errorf("%s: %s", test.name, diff)
		}
		if fmt.Sprint(err) != test.err && (err != nil || test.err != "") {
			t.Errorf("%s: got %v, want %q", test.name, err, test.err)
		}
		if strings.HasPrefix(test.err, errGarbage.Error()) != errors.Is(err, errGarbage) {
			t.Errorf("%s: %v is garbage: %t", test.name, err, errors.Is(err, errGarbage))
		}
	}
}

// endless repeats text forever.
type endless struct{ text []byte }

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], e.text)
		e.text = append(e.text[c:len(e.text):len(e.text)], e.text[:c]...)
		n += c
	}
	return n, nil
}

func BenchmarkReadGate(b *testing.B) {
	text := recorded(&testing.T{}, "metrics-1.32-on.txt.gz")
	b.ReportAllocs()
	for b.Loop() {
		lines, err := familyLines(strings.NewReader(text), familyGates)
		if err != nil {
			b.Fatal(err)
		}
		families, err := parse(lines)
		if err != nil {
			b.Fatal(err)
		}
		gateReading("kubelet", lines, families)
	}
}
