package edit

import (
	"bytes"
	"encoding/json"
	"strings"

	"sigs.k8s.io/yaml/kyaml"
)

// whole edits a document in braces, and writes it anew: JSON with its own indentation, anything else as KYAML.
func whole(before *file, c Change) ([]byte, *ledger, error) {
	if !before.flow(c.Document) {
		return nil, nil, refuse(notForThis, "", 0)
	}
	edited, l, err := before.edit(c, false)
	if err != nil {
		return nil, nil, err
	}
	l.rewritten = true
	f, refusal := parseNodes(edited)
	if refusal != nil {
		return nil, nil, refusal
	}
	was, err := before.documentSpan(c.Document)
	if err != nil {
		return nil, nil, err
	}
	is, err := f.documentSpan(c.Document)
	if err != nil {
		return nil, nil, err
	}
	text, err := formatted(string(before.data[was.from:was.to]), string(f.data[is.from:is.to]))
	if err != nil {
		return nil, nil, refuse(Unproven, firstLine(err), 0)
	}
	if eol := newText(before.data).eol; eol != "\n" {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", eol)
	}
	return bytes.Join([][]byte{f.data[:is.from], []byte(text), f.data[is.to:]}, nil), l, nil
}

// documentSpan is the text of a document in braces.
func (f *file) documentSpan(document int) (span, error) {
	return f.spanOf(newText(f.data), f.root(document).Node, false)
}

// formatted writes a document in the format that it had: JSON on one line, JSON with an indentation, or KYAML.
func formatted(was, is string) (string, error) {
	if !json.Valid([]byte(was)) {
		var out bytes.Buffer
		err := (&kyaml.Encoder{}).FromYAML(strings.NewReader(is), &out)
		return strings.TrimSpace(strings.TrimPrefix(out.String(), "---\n")), err
	}
	var out bytes.Buffer
	_, rest, several := strings.Cut(was, "\n")
	if several {
		unit := rest[:len(rest)-len(strings.TrimLeft(rest, " \t"))]
		err := json.Indent(&out, []byte(is), "", unit)
		return out.String(), err
	}
	if strings.Contains(was, `": `) {
		return is, nil // as it was edited
	}
	err := json.Compact(&out, []byte(is))
	return out.String(), err
}

// isJSON reports whether a file is one JSON document.
func isJSON(data []byte) bool { return json.Valid(bytes.TrimPrefix(data, []byte(byteOrderMark))) }
