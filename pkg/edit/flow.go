package edit

import (
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A span is bytes of the file, [from, to).
type span struct{ from, to int }

// start is the byte where a node begins.
func (t *text) start(n *yaml.Node) int {
	at := len(t.mark)
	for _, l := range t.lines[:n.Line-1] {
		at += len(l.text) + len(l.end)
	}
	return at + t.lines[n.Line-1].offset(n.Column)
}

// spanOf is a node that is a flow collection or a scalar of one style or another, but no block.
func (f *file) spanOf(t *text, n *yaml.Node, inFlow bool) (span, error) {
	from := t.start(n)
	to := scan(string(f.data), from, inFlow)
	if to <= from {
		return span{}, refuse(Shape, "its end was not found", n.Line)
	}
	return span{from, to}, nil
}

// scan is the end of the node that begins at a byte.
func scan(s string, at int, inFlow bool) int {
	for at < len(s) && (s[at] == '&' || s[at] == '!') {
		for at < len(s) && !strings.ContainsRune(" \t\r\n", rune(s[at])) {
			at++
		}
		at += len(s[at:]) - len(strings.TrimLeft(s[at:], " "))
	}
	switch {
	case at >= len(s):
		return -1
	case s[at] == '"', s[at] == '\'':
		return quoted(s, at)
	case s[at] == '[', s[at] == '{':
		return bracketed(s, at)
	}
	return plain(s, at, inFlow)
}

func quoted(s string, at int) int {
	quote := s[at]
	for at++; at < len(s); at++ {
		switch {
		case s[at] == '\\' && quote == '"':
			at++
		case s[at] == quote && quote == '\'' && at+1 < len(s) && s[at+1] == quote:
			at++
		case s[at] == quote:
			return at + 1
		}
	}
	return -1
}

func bracketed(s string, at int) int {
	depth, before := 0, byte('[')
	for at < len(s) {
		c := s[at]
		switch {
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				return at + 1
			}
		case (c == '"' || c == '\'') && strings.IndexByte("[{,:", before) >= 0:
			if at = quoted(s, at) - 1; at < 0 {
				return -1
			}
		case c == '#' && strings.IndexByte(" \t\n", s[at-1]) >= 0:
			if at += strings.IndexByte(s[at:]+"\n", '\n'); at >= len(s) {
				return -1
			}
		}
		if strings.IndexByte(" \t\r\n", c) < 0 {
			before = c
		}
		at++
	}
	return -1
}

// plain is the end of a scalar without quotes, which has to be on one line.
func plain(s string, at int, inFlow bool) int {
	end := at
	for ; end < len(s) && s[end] != '\n'; end++ {
		if inFlow && strings.IndexByte(",[]{}", s[end]) >= 0 ||
			s[end] == ':' && (end+1 == len(s) || strings.IndexByte(" \t\r\n,", s[end+1]) >= 0) ||
			s[end] == '#' && end > at && (s[end-1] == ' ' || s[end-1] == '\t') {
			break
		}
	}
	return at + len(strings.TrimRight(s[at:end], " \t\r"))
}

// splice replaces bytes, and writes down which lines that changed.
func (f *file) splice(l *ledger, s span, with string) {
	old := string(f.data)
	next := old[:s.from] + with + old[s.to:]
	from := strings.LastIndexByte(old[:s.from], '\n') + 1
	tail := strings.IndexByte(old[s.to:]+"\n", '\n')
	l.removes(newText([]byte(old[from:min(s.to+tail, len(old))])).lines...)
	l.adds(newText([]byte(next[from:min(s.from+len(with)+tail, len(next))])).lines...)
	f.data = []byte(next)
}

// inline is a value on one line, in the style of what stands beside it.
func inline(value any, quote bool) (string, error) {
	if !quote {
		var node yaml.Node
		if err := node.Encode(value); err != nil {
			return "", err
		}
		each(&node, func(n *yaml.Node) {
			if n.Style&yaml.LiteralStyle != 0 {
				n.Style = yaml.DoubleQuotedStyle
			}
		})
		node.Style |= yaml.FlowStyle
		out, err := yaml.Marshal(&yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{&node}})
		text := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(string(out), "\n"), "["), "]")
		if err == nil && !strings.Contains(text, "\n") {
			return text, nil
		}
	}
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return strings.TrimSuffix(out.String(), "\n"), err
}

// quotes reports whether a file quotes what need not be, as JSON and KYAML do: the key, the value.
func quotes(key, value *yaml.Node) (bool, bool) {
	isQuoted := func(n *yaml.Node) bool {
		return n != nil && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0
	}
	return isQuoted(key), isQuoted(value)
}

// insertFlow puts a field behind another one, in braces.
func (f *file) insertFlow(t *text, l *ledger, behind *place, key string, value any) error {
	at, err := f.spanOf(t, behind.Node, true)
	if err != nil {
		return err
	}
	name := behind.parent.child("name")
	quotedKey, quotedValue := quotes(name.key, name.Node)
	text, err := inline(value, quotedValue)
	if err != nil {
		return err
	}
	if quotedKey {
		key = `"` + key + `"`
	}
	f.splice(l, span{at.to, at.to}, ", "+key+": "+text)
	return nil
}

// replaceInline replaces a scalar or a flow collection.
func (f *file) replaceInline(t *text, l *ledger, p *place, value any) error {
	s, err := f.spanOf(t, p.Node, p.inFlow())
	if err != nil {
		return err
	}
	_, quotedValue := quotes(nil, p.Node)
	if len(p.Content) > 0 {
		_, quotedValue = quotes(nil, p.Content[0])
	}
	text, err := inline(value, quotedValue)
	if err != nil {
		return err
	}
	f.splice(l, s, text)
	*t = *newText(f.data)
	return nil
}

// dropFlow removes an item or a field in brackets or braces, with its comma.
func (f *file) dropFlow(t *text, l *ledger, p *place) error {
	first := p.Node
	if p.key != nil {
		first = p.key
	}
	s, err := f.spanOf(t, p.Node, true)
	if err != nil {
		return err
	}
	s.from = t.start(first)
	f.splice(l, f.withComma(s), "")
	return nil
}

// withComma widens a span by the comma and the blanks behind it, or, for the last one, by those before it.
func (f *file) withComma(s span) span {
	text := string(f.data)
	rest := text[s.to:]
	if gap := len(rest) - len(strings.TrimLeft(rest, " \t\r\n")); strings.HasPrefix(rest[gap:], ",") {
		blank := len(rest[gap+1:]) - len(strings.TrimLeft(rest[gap+1:], " \t\r\n"))
		if next := rest[gap+1+blank:]; next != "" && next[0] != ']' && next[0] != '}' && next[0] != '#' {
			s.to += gap + 1 + blank
			return s
		}
		s.to += gap + 1
	}
	if before := strings.TrimRight(text[:s.from], " \t\r\n"); strings.HasSuffix(before, ",") {
		s.from = len(before) - 1
	}
	return s
}

// moveFlow moves an item of a list in brackets.
func (f *file) moveFlow(t *text, l *ledger, spec *place, i int, m Move) error {
	list, inits := spec.child("containers"), spec.child("initContainers")
	item, err := f.spanOf(t, list.Content[i], true)
	if err != nil {
		return err
	}
	whole, err := f.spanOf(t, list.Node, list.inFlow())
	if err != nil {
		return err
	}
	text := string(f.data[item.from:item.to])
	key := "initContainers"
	if quotedKey, _ := quotes(list.key, nil); quotedKey {
		key = `"initContainers"`
	}
	inBraces := spec.Style&yaml.FlowStyle != 0
	l.moved++
	var at int
	switch {
	case inits == nil && len(list.Content) == 1:
		start := t.start(list.key)
		f.splice(l, span{start, start + len(list.key.Value) + len(key) - len("initContainers")}, key)
		return nil
	case inits == nil && inBraces:
		at, text = whole.to, ", "+key+": ["+text+"]"
	case inits == nil:
		_, column, err := t.keyLine(list)
		if err != nil {
			return err
		}
		at, text = whole.to, t.eol+strings.Repeat(" ", column)+key+": ["+text+"]"
		if end := strings.IndexAny(string(f.data[at:])+"\n", "\r\n"); strings.TrimSpace(string(f.data[at:at+end])) != "" {
			at += end // a comment
		}
	case inits.Kind != yaml.SequenceNode || inits.Style&yaml.FlowStyle == 0:
		return refuse(Flow, "containers", list.Line)
	default:
		if at, text, err = f.besideFlow(t, inits, m, text); err != nil {
			return err
		}
	}
	cut := f.withComma(item)
	if len(list.Content) == 1 {
		cut = item
	}
	return f.shiftTo(l, cut, at, text)
}

// shiftTo cuts bytes and puts a text elsewhere: what is further behind first, so offsets before it stay.
func (f *file) shiftTo(l *ledger, cut span, at int, text string) error {
	switch {
	case at >= cut.to:
		f.splice(l, span{at, at}, text)
		f.splice(l, cut, "")
	case at > cut.from:
		return refuse(Shape, "one list is inside of the other", 0)
	default:
		f.splice(l, cut, "")
		f.splice(l, span{at, at}, text)
	}
	return nil
}

// besideFlow is where in a list in brackets an item goes, and its text with a comma.
func (f *file) besideFlow(t *text, inits *place, m Move, text string) (int, string, error) {
	if len(inits.Content) == 0 {
		return t.start(inits.Node) + 1, text, nil
	}
	if m.Before != "" {
		i := inits.named(m.Before)
		if i < 0 {
			return 0, "", refuse(Shape, m.Before+" is not written out", 0)
		}
		return t.start(inits.Content[i]), text + ", ", nil
	}
	last, err := f.spanOf(t, inits.Content[len(inits.Content)-1], true)
	return last.to, ", " + text, err
}
