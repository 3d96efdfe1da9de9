package print

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// A page writes lines for people: symbols, colors, and prose that is wrapped.
type page struct {
	w *bufio.Writer
	o Options
	// full shows every object and all evidence, one line each; otherwise a few and a count.
	full bool
	// shown remembers under which check a gap was printed, so that the next one can refer to it.
	shown map[string]string
}

func newPage(w io.Writer, o Options, full bool) *page {
	if full {
		o.Width = 0 // made for grep: one line, one thing
	}
	return &page{w: bufio.NewWriter(w), o: o, full: full, shown: map[string]string{}}
}

const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
)

func (p *page) paint(style, text string) string {
	if !p.o.Color || style == "" || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// A mark is the symbol of an answer.
type mark struct{ symbol, ascii, color string }

var (
	markPass    = mark{"√", "[ok]", green}
	markFail    = mark{"×", "[FAIL]", red}
	markWarn    = mark{"‼", "[warn]", yellow}
	markInfo    = mark{"i", "[info]", blue}
	markUnknown = mark{"?", "[?]", yellow}
	markWaived  = mark{"~", "[waived]", blue}
	// markProgress is of pods that wait for something that may still come.
	markProgress = mark{"…", "[...]", blue}
)

func markOf(e report.Entry) mark {
	switch {
	case e.Status == checks.Pass:
		return markPass
	case e.Status == report.Waived:
		return markWaived
	case e.Status != checks.Fail:
		return markUnknown
	case e.Severity == checks.Error:
		return markFail
	case e.Severity == checks.Warning:
		return markWarn
	}
	return markInfo
}

// marked writes one line of text after a mark.
func (p *page) marked(m mark, text string) {
	symbol := m.symbol
	if !p.o.Unicode {
		symbol = m.ascii
	}
	lead := symbol + " "
	wrapped := p.wrap(text, p.o.Width-twwidth.Width(lead))
	p.print(p.paint(m.color, symbol)+" ", wrapped[0])
	for _, l := range wrapped[1:] {
		p.print(strings.Repeat(" ", twwidth.Width(lead)), l)
	}
}

// prose writes text after lead, wrapped, with what must stay whole at its end; later lines hang below the text's
// first letter plus hang.
func (p *page) prose(indent, lead, text string, whole ...string) {
	hang := "  "
	if lead == "" {
		hang = ""
	}
	width := 0
	if p.o.Width > 0 {
		width = max(p.o.Width-len(indent)-len(hang), 20)
	}
	for i, l := range p.wrap(lead+text, width, whole...) {
		if i == 0 {
			p.print(indent, l)
		} else {
			p.print(indent+hang, l)
		}
	}
}

// block writes prose of several lines, each wrapped; lines that are indented stay as they are.
func (p *page) block(indent, lead, text string) {
	for i, l := range strings.Split(text, "\n") {
		switch {
		case i > 0 && l == "":
			p.print()
		case strings.HasPrefix(l, " ") && i > 0:
			p.print(indent+"  ", l)
		case i > 0 && lead != "":
			p.prose(indent+"  ", "", l)
		default:
			p.prose(indent, lead, l)
		}
	}
}

func (p *page) print(parts ...string) {
	for _, s := range parts {
		if !p.o.Unicode {
			s = ascii(s)
		}
		p.w.WriteString(s) //nolint:errcheck // a bufio.Writer keeps its first error for Flush
	}
	p.w.WriteByte('\n')
}

// wrap is [wrap] for what this page can show.
func (p *page) wrap(text string, width int, whole ...string) []string {
	if p.o.Unicode {
		return wrap(text, width, whole...)
	}
	var plain []string
	for _, s := range whole {
		plain = append(plain, ascii(s))
	}
	return wrap(ascii(text), width, plain...)
}

// ascii is for terminals that do not read UTF-8: there, bytes of a letter may be control codes.
func ascii(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r == '…':
			b.WriteString("...")
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// Wrap is wrap for whoever else writes prose.
func Wrap(text string, width int) []string { return wrap(text, width) }

// wrap breaks text into lines of at most width columns, at spaces; a word that is longer stays
// whole, and so does what follows the text. There is always a first line. Width 0 or less does not wrap.
func wrap(text string, width int, whole ...string) []string {
	if all := strings.Join(append([]string{text}, whole...), " "); width <= 0 || twwidth.Width(all) <= width {
		return []string{all}
	}
	var out []string
	current, used := "", 0
	for _, word := range append(words(text), whole...) {
		n := twwidth.Width(word)
		if current != "" && used+1+n > width {
			out = append(out, current)
			current, used = "", 0
		}
		if current != "" {
			current, used = current+" ", used+1
		}
		current, used = current+word, used+n
	}
	return append(out, current)
}

// words splits prose at spaces.
func words(text string) []string {
	var out []string
	for _, word := range strings.Fields(text) {
		if last := len(out) - 1; word == "more" && last >= 0 && strings.HasPrefix(out[last], "+") {
			out[last] += " more" // a count stays together
			continue
		}
		out = append(out, word)
	}
	return out
}
