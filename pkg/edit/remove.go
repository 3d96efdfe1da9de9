package edit

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// drop removes the lines of a field or of an item, with the comments that stand directly above it.
func (f *file) drop(t *text, l *ledger, c Change, path []string) error {
	spec, err := f.spec(c)
	if err != nil {
		return err
	}
	p := spec.find(path)
	if p == nil {
		return refuse(Shape, strings.Join(path, ".")+" is not written out", 0)
	}
	if p.inFlow() {
		return f.dropFlow(t, l, p)
	}
	var e extent
	if p.key != nil {
		e, err = t.keyExtent(p)
	} else {
		e, err = t.itemExtent(p)
	}
	if err != nil {
		return err
	}
	between := min(t.blanksAbove(e.from), t.blanks(e.to))
	if e.to == len(t.lines) {
		e.from -= t.blanksAbove(e.from)
	}
	l.removes(t.cut(e.from, e.to+between)...)
	f.data = t.bytes()
	return nil
}

// set replaces a value.
func (f *file) set(t *text, l *ledger, c Change, s Set) error {
	spec, err := f.spec(c)
	if err != nil {
		return err
	}
	p := spec.find(s.Path)
	switch value, isText := s.Value.(string); {
	case p == nil:
		return refuse(Shape, strings.Join(s.Path, ".")+" is not written out", 0)
	case p.Kind == yaml.AliasNode || p.Anchor != "":
		return refuse(AnchorInside, p.Value+p.Anchor, p.Line)
	case isText && p.Kind == yaml.ScalarNode && p.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return f.setScript(t, l, p, value)
	case p.Kind == yaml.ScalarNode, p.Style&yaml.FlowStyle != 0:
		if err := f.replaceInline(t, l, p, s.Value); err != nil {
			return err
		}
		f.data = t.bytes()
		return nil
	}
	return f.setBlock(t, l, p, s.Value)
}

// setScript replaces the lines of a block scalar below its header, which stays.
func (f *file) setScript(t *text, l *ledger, p *place, value string) error {
	to, err := t.after(p)
	if err != nil {
		return err
	}
	from, indent := p.Line, 0
	for i := from; i < to && indent == 0; i++ {
		if !t.lines[i].blank() {
			indent = t.lines[i].indent()
		}
	}
	end := from
	for i := from; i < to; i++ {
		if !t.lines[i].blank() && t.lines[i].indent() >= indent {
			end = i + 1
		}
	}
	if p.Style&yaml.FoldedStyle != 0 && !t.literal(p, l) || indent == 0 || !strings.HasSuffix(value, "\n") && strings.HasSuffix(p.Value, "\n") {
		return refuse(Shape, "a folded script", p.Line)
	}
	var lines []line
	for body := range strings.SplitSeq(strings.TrimSuffix(value, "\n"), "\n") {
		if body != "" {
			body = strings.Repeat(" ", indent) + body
		}
		lines = append(lines, line{body, t.eol})
	}
	l.removes(t.cut(from, end)...)
	f.insert(t, l, from, lines)
	return nil
}

// literal makes a literal block of a folded one, and reports whether it could: lines of scripts are better not folded.
func (t *text) literal(p *place, l *ledger) bool {
	at := p.Line - 1
	head, rest, found := strings.Cut(t.lines[at].text, ">")
	if !found || strings.Contains(rest, ">") {
		return false
	}
	l.removes(t.lines[at])
	t.lines[at].text = head + "|" + rest
	l.adds(t.lines[at])
	return true
}

// setBlock writes a list or a mapping anew, below its key.
func (f *file) setBlock(t *text, l *ledger, p *place, value any) error {
	if p.key == nil {
		return refuse(Shape, "an item of a list", p.Line)
	}
	e, err := t.keyExtent(p)
	if err != nil {
		return err
	}
	item := p
	for item.parent != nil && item.key != nil {
		item = item.parent
	}
	lines, err := t.block(p.key.Value, value, e.indent, f.style(item))
	if err != nil {
		return err
	}
	l.removes(t.cut(e.line, e.to)...)
	f.insert(t, l, e.line, lines)
	return nil
}

// expand writes out the aliases in a container.
func (f *file) expand(t *text, l *ledger, c Change, name string) error {
	for {
		spec, err := f.spec(c)
		if err != nil {
			return err
		}
		list := spec.child("containers")
		i := list.named(name)
		if i < 0 {
			return nil
		}
		alias := firstAlias(list.item(i))
		if alias == nil {
			return nil
		}
		if alias.key == nil || alias.inFlow() || alias.key.Tag == "!!merge" {
			return refuse(AnchorInside, alias.Value, alias.Line)
		}
		var value any
		if err := alias.Alias.Decode(&value); err != nil {
			return err
		}
		if err := f.setBlock(t, l, alias, value); err != nil {
			return err
		}
		next, refusal := parseNodes(f.data)
		if refusal != nil {
			return refusal
		}
		*f, *t = *next, *newText(next.data)
	}
}

func firstAlias(p *place) *place {
	if p.Kind == yaml.AliasNode {
		return p
	}
	for i := range p.Content {
		child := p.item(i)
		if p.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			child.key = p.Content[i-1]
		}
		if found := firstAlias(child); found != nil {
			return found
		}
	}
	return nil
}
