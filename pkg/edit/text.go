package edit

import (
	"bytes"
	"slices"
	"strings"
)

// A text is a file as lines, each with its own line end.
type text struct {
	mark  string // byte order mark, or ""
	lines []line
	eol   string // of lines that are added
	open  bool   // the last line has no end
}

type line struct {
	text, end string
}

const byteOrderMark = "\ufeff"

func newText(data []byte) *text {
	s := string(data)
	t := &text{eol: "\n"}
	if rest, ok := strings.CutPrefix(s, byteOrderMark); ok {
		t.mark, s = byteOrderMark, rest
	}
	crlf, lf := strings.Count(s, "\r\n"), strings.Count(s, "\n")
	if crlf > lf/2 {
		t.eol = "\r\n"
	}
	for l := range strings.Lines(s) {
		body := strings.TrimSuffix(strings.TrimSuffix(l, "\n"), "\r")
		t.lines = append(t.lines, line{body, l[len(body):]})
	}
	t.open = len(t.lines) > 0 && t.lines[len(t.lines)-1].end == ""
	return t
}

// bytes is the file: only its last line may lack an end, and it does if it did.
func (t *text) bytes() []byte {
	var out bytes.Buffer
	out.WriteString(t.mark)
	for i, l := range t.lines {
		out.WriteString(l.text)
		switch {
		case i == len(t.lines)-1 && t.open:
		case l.end == "":
			out.WriteString(t.eol)
		default:
			out.WriteString(l.end)
		}
	}
	return out.Bytes()
}

// insert puts lines above the line at index i.
func (t *text) insert(i int, lines ...line) { t.lines = slices.Insert(t.lines, i, lines...) }

// cut removes lines from index i up to j, and returns them.
func (t *text) cut(i, j int) []line {
	out := slices.Clone(t.lines[i:j])
	t.lines = slices.Delete(t.lines, i, j)
	return out
}

// add makes lines of strings.
func (t *text) add(lines ...string) []line {
	var out []line
	for _, l := range lines {
		out = append(out, line{l, t.eol})
	}
	return out
}

func (l line) blank() bool   { return strings.TrimSpace(l.text) == "" }
func (l line) comment() bool { return strings.HasPrefix(strings.TrimLeft(l.text, " "), "#") }

// indent counts leading spaces.
func (l line) indent() int { return len(l.text) - len(strings.TrimLeft(l.text, " ")) }

// shift moves lines to the right, or to the left as far as they can go.
func shift(lines []line, by int) {
	for i, l := range lines {
		switch {
		case l.blank() && by < 0:
			lines[i].text = l.text[min(-by, len(l.text)):]
		case l.blank():
		case by >= 0:
			lines[i].text = strings.Repeat(" ", by) + l.text
		default:
			lines[i].text = l.text[min(-by, l.indent()):]
		}
	}
}

// offset is the byte of a column, which counts characters from 1.
func (l line) offset(column int) int {
	at := 0
	for range column - 1 {
		_, size := decodeRune(l.text[at:])
		if size == 0 {
			return len(l.text)
		}
		at += size
	}
	return at
}

// A ledger is what steps have done to lines, as text without indentation: what is not in it must be there as before.
type ledger struct {
	added, removed []string
	moved          int
	rewritten      bool
}

func (l *ledger) adds(lines ...line) {
	for _, x := range lines {
		l.added = append(l.added, strings.TrimSpace(x.text))
	}
}

func (l *ledger) removes(lines ...line) {
	for _, x := range lines {
		l.removed = append(l.removed, strings.TrimSpace(x.text))
	}
}
