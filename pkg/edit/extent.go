package edit

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// dash is the index of the line that has the dash of an item of a block list, and its column from 0.
func (t *text) dash(p *place) (int, int, error) {
	for i := p.Line - 1; i >= 0 && i < len(t.lines); i-- {
		l := t.lines[i]
		body := l.text[l.indent():]
		if i == p.Line-1 {
			body = l.text[l.indent():max(l.indent(), min(l.offset(p.Column), len(l.text)))]
		}
		if body == "-" || strings.HasPrefix(body, "- ") {
			return i, l.indent(), nil
		}
		if i < p.Line-1 && !l.blank() && !l.comment() {
			break
		}
	}
	return 0, 0, refuse(Shape, "an item of a list does not begin with a dash on a line of its own", p.Line)
}

// keyLine is the index of the line of a key that is the first of its line, and its column from 0.
func (t *text) keyLine(p *place) (int, int, error) {
	l := t.lines[p.key.Line-1]
	at := l.offset(p.key.Column)
	if strings.TrimSpace(l.text[:at]) != "" {
		return 0, 0, refuse(Shape, p.key.Value+" does not begin a line", p.key.Line)
	}
	return p.key.Line - 1, at, nil
}

// after is the index of the first line behind a node and its siblings' comments: of the next key, item or document.
func (t *text) after(p *place) (int, error) {
	for ; p.parent != nil; p = p.parent {
		switch siblings := p.parent.Content; {
		case p.parent.Kind == yaml.MappingNode && p.at+1 < len(siblings):
			return siblings[p.at+1].Line - 1, nil
		case p.parent.Kind == yaml.SequenceNode && p.at+1 < len(siblings):
			line, _, err := t.dash(p.parent.item(p.at + 1))
			return line, err
		}
	}
	for i := p.Line; i < len(t.lines); i++ {
		if l := t.lines[i].text; strings.HasPrefix(l, "---") || strings.HasPrefix(l, "...") {
			return i, nil
		}
	}
	return len(t.lines), nil
}

// head is the index of the first of the comment lines that stand directly above a line, with the same indentation.
func (t *text) head(at, indent int) int {
	for at > 0 && t.lines[at-1].comment() && t.lines[at-1].indent() == indent {
		at--
	}
	return at
}

// An extent is the lines of an item or of a key with its value: [from, to), the comments above it included, and those
// that are indented deeper.
type extent struct {
	from, line, to int // line is where the item itself begins
	indent         int
}

func (t *text) itemExtent(p *place) (extent, error) {
	line, indent, err := t.dash(p)
	if err != nil {
		return extent{}, err
	}
	return t.extent(p, line, indent)
}

func (t *text) keyExtent(p *place) (extent, error) {
	line, indent, err := t.keyLine(p)
	if err != nil {
		return extent{}, err
	}
	return t.extent(p, line, indent)
}

func (t *text) extent(p *place, line, indent int) (extent, error) {
	to, err := t.after(p)
	if err != nil {
		return extent{}, err
	}
	for to > line+1 && (t.lines[to-1].blank() || t.lines[to-1].comment() && t.lines[to-1].indent() <= indent) {
		to--
	}
	to = max(to, line+1)
	if keepsBlanks(p.Node) {
		to += t.blanks(to)
	}
	return extent{from: t.head(line, indent), line: line, to: to, indent: indent}, nil
}

// keepsBlanks reports whether the empty lines behind a node are part of its text.
func keepsBlanks(n *yaml.Node) bool {
	for len(n.Content) > 0 {
		n = n.Content[len(n.Content)-1]
	}
	return n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 && (n.Value == "\n" || strings.HasSuffix(n.Value, "\n\n"))
}

// behind is the index behind an extent and the comments that follow it directly, deeper than outer: they belong to nobody.
func (t *text) behind(e extent, outer int) int {
	at := e.to
	for at < len(t.lines) && t.lines[at].comment() && t.lines[at].indent() > outer {
		at++
	}
	return at
}

// blanks counts the empty lines from an index on.
func (t *text) blanks(at int) int {
	n := 0
	for at+n < len(t.lines) && t.lines[at+n].blank() {
		n++
	}
	return n
}

// blanksAbove counts the empty lines above an index.
func (t *text) blanksAbove(at int) int {
	n := 0
	for at-n > 0 && t.lines[at-n-1].blank() {
		n++
	}
	return n
}
