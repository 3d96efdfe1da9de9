package print

import (
	"bufio"
	"encoding/json"
	"io"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

func jsonDocument(w io.Writer, r *report.Report, _ Options) error { return encodeJSON(w, r) }

// encodeJSON writes a document as all JSON for people and programs is written. It is indented as it is written: a document
// may be large, and encoding/json would have it in memory twice.
func encodeJSON(w io.Writer, document any) error {
	out := bufio.NewWriter(w)
	e := json.NewEncoder(&indenter{w: out})
	e.SetEscapeHTML(false) // "<=1.27" is for people too
	if err := e.Encode(document); err != nil {
		return err
	}
	return out.Flush()
}

// An indenter indents JSON as encoding/json does. Its text is JSON without blanks, and a line break at the end.
type indenter struct {
	w     *bufio.Writer
	depth int
	// open is set behind a bracket: what closes it at once stands on the same line.
	open, quoted, escaped bool
}

func (i *indenter) Write(text []byte) (int, error) {
	for n := 0; n < len(text); n++ {
		c := text[n]
		if i.quoted {
			i.escaped, i.quoted = c == '\\' && !i.escaped, c != '"' || i.escaped
			i.w.WriteByte(c)
			continue
		}
		closes := c == '}' || c == ']'
		if closes {
			i.depth--
		}
		if i.open != closes && (i.open || closes) {
			i.line()
		}
		i.open = false
		i.w.WriteByte(c)
		switch c {
		case '"':
			i.quoted = true
		case '{', '[':
			i.depth++
			i.open = true
		case ',':
			i.line()
		case ':':
			i.w.WriteByte(' ')
		}
	}
	return len(text), nil
}

func (i *indenter) line() {
	i.w.WriteByte('\n')
	for range i.depth {
		i.w.WriteString("  ")
	}
}
