package collect

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// The metric families that are read, in the order of the page: families are sorted by name.
const (
	familyBuild   = "kubernetes_build_info"
	familyGates   = "kubernetes_feature_enabled"
	familyStarted = "process_start_time_seconds"
	familyVersion = "version_info"
)

// Bounds of a metrics page. A large API server's is some 100 MB.
const (
	maxPage   = 512 << 20
	maxLine   = 1 << 20
	maxFamily = 4 << 20
)

// errGarbage means that what was read is not a metrics page.
var errGarbage = errors.New("the answer is not a metrics page")

// readers and familyBuffers are reused: thousands of pages are read.
var (
	readers       = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 16<<10) }}
	familyBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}
)

// usualFamily is more than a kubelet's kubernetes_feature_enabled takes, which is some 16 KB. A buffer that
// had to grow beyond is not kept.
const usualFamily = 64 << 10

// readFamilies reads a metrics page and adds the lines of the wanted families, which must be sorted, to
// out. It stops after the last of them, because pages are sorted too; a page that is not only hides
// families, it does not invent them. An error means that the page was not read up to there.
func readFamilies(out *bytes.Buffer, page io.Reader, wanted ...string) error {
	r := readers.Get().(*bufio.Reader)
	r.Reset(io.LimitReader(page, maxPage))
	defer func() { r.Reset(nil); readers.Put(r) }()
	var (
		total int
		valid bool
	)
	for {
		line, size, err := readLine(r)
		total += size
		if err != nil && !errors.Is(err, io.EOF) {
			return brokeOff(err)
		}
		if name := familyOf(line); len(name) > 0 {
			valid = valid || line[0] == '#'
			if valid && string(name) > wanted[len(wanted)-1] {
				return nil
			}
			if isWanted(name, wanted) {
				if out.Write(line); out.Len() > maxFamily {
					return fmt.Errorf("%w: %s is larger than %d MB", errGarbage, name, maxFamily>>20)
				}
			}
		}
		if err != nil {
			return endOfPage(total, valid)
		}
		if valid {
			total += skipBefore(r, wanted[0])
		}
	}
}

// skipBefore skips what is buffered if all of it comes before a family, which its last whole line tells,
// and returns how much that was: looking at each line of thousands of pages would cost as much as
// decompressing them.
func skipBefore(r *bufio.Reader, family string) int {
	buffered, _ := r.Peek(r.Buffered())
	end := bytes.LastIndexByte(buffered, '\n') + 1
	if end == 0 {
		return 0
	}
	last := buffered[bytes.LastIndexByte(buffered[:end-1], '\n')+1 : end]
	if name := familyOf(last); len(name) == 0 || string(name) >= family {
		return 0
	}
	n, _ := r.Discard(end) // as much is buffered
	return n
}

// brokeOff is the error of a page that did not come to its end.
func brokeOff(err error) error {
	if errors.Is(err, errGarbage) {
		return err
	}
	return fmt.Errorf("the page broke off: %w", err)
}

// endOfPage says what is wrong with a page that was read to its end, if anything.
func endOfPage(total int, valid bool) error {
	switch {
	case total >= maxPage:
		return fmt.Errorf("the metrics page is larger than %d MB", maxPage>>20)
	case !valid:
		return errGarbage
	}
	return nil
}

// readLine reads a line with its end. Of a line that does not fit the buffer it returns the
// beginning, which is enough for its name; the wanted families' lines are short.
func readLine(r *bufio.Reader) (line []byte, size int, err error) {
	line, err = r.ReadSlice('\n')
	size = len(line)
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, size, err
	}
	line = bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		var more []byte
		more, err = r.ReadSlice('\n')
		if size += len(more); size > maxLine {
			return nil, size, fmt.Errorf("%w: a line is longer than %d MB", errGarbage, maxLine>>20)
		}
	}
	return line, size, err
}

var helpLine, typeLine = []byte("# HELP "), []byte("# TYPE ")

// familyOf is the metric name of a line, nothing when it has none.
func familyOf(line []byte) []byte {
	line = bytes.TrimPrefix(bytes.TrimPrefix(line, helpLine), typeLine)
	end := 0
	for end < len(line) && isNameByte(line[end]) {
		end++
	}
	return line[:end]
}

func isNameByte(c byte) bool {
	return c == '_' || c == ':' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isWanted(name []byte, wanted []string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool { return string(name) == w })
}

// parse gives the lines of some families to the Prometheus parser.
func parse(lines []byte) (map[string]*dto.MetricFamily, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(lines))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errGarbage, err)
	}
	return families, nil
}

// gateReading is what the lines of a component's page say of the gate.
func gateReading(component string, lines []byte, families map[string]*dto.MetricFamily) *facts.FeatureReading {
	reading := &facts.FeatureReading{Component: component, Source: facts.SourceMetrics}
	family := families[familyGates]
	if family == nil {
		reading.Evidence = "the metrics page has no " + familyGates
		return reading
	}
	for _, m := range family.Metric {
		if label(m, "name") != facts.SidecarContainers {
			continue
		}
		enabled := value(m) == 1
		reading.Enabled, reading.Stage = &enabled, label(m, "stage")
		reading.Evidence = evidence(lines)
		return reading
	}
	reading.Evidence = fmt.Sprintf("%s lists %d gates, %s is not among them", familyGates, len(family.Metric), facts.SidecarContainers)
	return reading
}

// evidence is the line of the gate, as it was read.
func evidence(lines []byte) string {
	for line := range bytes.Lines(lines) {
		if bytes.HasPrefix(line, []byte(familyGates+"{")) && bytes.Contains(line, []byte(`name="`+facts.SidecarContainers+`"`)) {
			return string(bytes.TrimSpace(line))
		}
	}
	return familyGates
}

// label is the value of a metric's label.
func label(m *dto.Metric, name string) string {
	for _, l := range m.Label {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// value is a metric's value, whatever the page says its type is.
func value(m *dto.Metric) float64 {
	switch {
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	case m.Counter != nil:
		return m.Counter.GetValue()
	}
	return m.Untyped.GetValue()
}

// first is the first metric of a family, or an empty one.
func first(family *dto.MetricFamily) *dto.Metric {
	if family == nil || len(family.Metric) == 0 {
		return &dto.Metric{}
	}
	return family.Metric[0]
}

// startedAt is a process's start, to hundredths of a second, as text; "" when it is not known.
func startedAt(family *dto.MetricFamily, header string) string {
	if seconds := value(first(family)); seconds > 0 {
		return strconv.FormatFloat(seconds, 'f', 2, 64)
	}
	return strings.TrimSpace(header)
}
