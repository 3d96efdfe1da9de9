package edit

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// moveTail puts the key initContainers above containers that are last in their list: then nothing moves.
func (f *file) moveTail(t *text, l *ledger, c Change) error {
	spec, err := f.spec(c)
	if err != nil {
		return err
	}
	list := spec.child("containers")
	tail := len(c.Moves)
	if tail == 0 || spec.child("initContainers") != nil || list == nil || list.Kind != yaml.SequenceNode ||
		list.Style&yaml.FlowStyle != 0 || tail > len(list.Content) {
		return nil
	}
	first := len(list.Content) - tail
	for i, m := range c.Moves {
		if m.Before != "" || list.named(m.Container) != first+i {
			return nil
		}
	}
	if tail == len(list.Content) {
		return f.rename(t, l, c, list)
	}
	e, err := t.itemExtent(list.item(first))
	if err != nil {
		return err
	}
	_, column, err := t.keyLine(list)
	if err != nil {
		return err
	}
	key := t.add(strings.Repeat(" ", column) + "initContainers:")
	f.insert(t, l, e.from, key)
	return nil
}

// rename turns containers into initContainers: everything in it moves.
func (f *file) rename(t *text, l *ledger, c Change, list *place) error {
	at, column, err := t.keyLine(list)
	if err != nil {
		return err
	}
	old := t.lines[at]
	rest, ok := strings.CutPrefix(old.text[column:], "containers")
	if !ok {
		return refuse(Shape, "the key containers is quoted", list.key.Line)
	}
	t.lines[at].text = old.text[:column] + "initContainers" + rest
	l.removes(old)
	l.adds(t.lines[at])
	f.data = t.bytes()
	return nil
}

// move takes the lines of a container to the end of initContainers, or before one of them.
func (f *file) move(t *text, l *ledger, c Change, m Move) error {
	spec, err := f.spec(c)
	if err != nil {
		return err
	}
	list, inits := spec.child("containers"), spec.child("initContainers")
	i := list.named(m.Container)
	if i < 0 && inits.named(m.Container) >= 0 {
		return nil // moveTail did it
	}
	if i < 0 || list.Kind != yaml.SequenceNode {
		return refuse(Shape, m.Container+" is not written out", 0)
	}
	if list.Style&yaml.FlowStyle != 0 {
		return f.moveFlow(t, l, spec, i, m)
	}
	item, err := t.itemExtent(list.item(i))
	if err != nil {
		return err
	}
	target, err := t.target(list, inits, m)
	if err != nil {
		return err
	}
	if len(list.Content) == 1 {
		line, _, err := t.keyLine(list)
		if err != nil {
			return err
		}
		l.removes(t.cut(line, line+1)...)
		item.from, item.line, item.to = item.from-1, item.line-1, item.to-1
		if target.at > line {
			target.at--
		}
	}
	f.carry(t, l, item, target, i == 0, i == len(list.Content)-1)
	f.data = t.bytes()
	return nil
}

// A target is where a container goes.
type target struct {
	at     int    // index of the line that it will stand above
	indent int    // column of its dash
	key    string // line of the key to put above it; "" if it is there
	tidy   int    // index of a line to replace by key; -1 for none
	front  bool   // it stands before another item
	gap    int    // empty lines between the items there
}

func (t *text) target(list, inits *place, m Move) (target, error) {
	_, column, err := t.keyLine(list)
	if err != nil {
		return target{}, err
	}
	last, err := t.itemExtent(list.item(len(list.Content) - 1))
	if err != nil {
		return target{}, err
	}
	key := strings.Repeat(" ", column) + "initContainers:"
	switch {
	case inits == nil:
		return target{at: t.behind(last, column), indent: last.indent, key: key, tidy: -1}, nil
	case inits.Kind == yaml.SequenceNode && inits.Style&yaml.FlowStyle == 0:
		return t.existing(inits, m)
	case inits.Kind == yaml.SequenceNode && len(inits.Content) == 0, inits.Kind == yaml.ScalarNode && inits.Tag == "!!null":
		at, _, err := t.keyLine(inits)
		if err == nil && !strings.HasPrefix(strings.TrimSpace(t.lines[at].text), "initContainers:") {
			err = refuse(Shape, "initContainers", inits.key.Line)
		}
		if _, comment, found := strings.Cut(t.lines[at].text, " #"); found {
			key += " #" + comment
		}
		return target{at: at + 1, indent: last.indent, key: key, tidy: at}, err
	}
	return target{}, refuse(Flow, "initContainers", inits.Line)
}

// existing is the place in a list that is there.
func (t *text) existing(inits *place, m Move) (target, error) {
	i := len(inits.Content) - 1
	if m.Before != "" {
		if i = inits.named(m.Before); i < 0 {
			return target{}, refuse(Shape, m.Before+" is not written out", 0)
		}
	}
	e, err := t.itemExtent(inits.item(i))
	if err != nil {
		return target{}, err
	}
	gap := 0
	if i > 0 {
		gap = t.blanksAbove(e.from)
	}
	if m.Before != "" {
		return target{at: e.from, indent: e.indent, tidy: -1, front: true, gap: gap}, nil
	}
	_, column, err := t.keyLine(inits)
	if err != nil {
		return target{}, err
	}
	return target{at: t.behind(e, column), indent: e.indent, tidy: -1, gap: gap}, nil
}

// carry cuts the lines of an item, with the empty lines that set it apart, and puts them in.
func (f *file) carry(t *text, l *ledger, item extent, to target, first, last bool) {
	above, below := t.blanksAbove(item.from), t.blanks(item.to)
	cut := span{item.from, item.to}
	switch {
	case last && below == 0 || item.to+below >= len(t.lines):
		cut.from -= above // nothing is left behind it
	case above > 0 || first:
		cut.to += below
	}
	lines := slices.Clone(t.lines[item.from:item.to])
	shift(lines, to.indent-item.indent)
	l.moved += len(lines)
	lines = to.apart(t, lines)
	if to.tidy >= 0 {
		l.removes(t.lines[to.tidy])
		t.lines[to.tidy].text = to.key
		l.adds(t.lines[to.tidy])
	} else if to.key != "" {
		key := t.add(to.key)
		l.adds(key...)
		lines = append(key, lines...)
	}
	if to.at >= cut.to {
		t.insert(to.at, lines...)
		t.cut(cut.from, cut.to)
	} else {
		t.cut(cut.from, cut.to)
		t.insert(min(to.at, cut.from), lines...)
	}
}

// apart adds the empty lines that stand between the items of the list, too.
func (to target) apart(t *text, lines []line) []line {
	gap := t.add(make([]string, to.gap)...)
	if to.front {
		return append(lines, gap...)
	}
	return append(gap, lines...)
}
