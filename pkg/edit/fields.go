package edit

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// moved is the container in initContainers.
func (f *file) moved(c Change, name string) (*place, error) {
	spec, err := f.spec(c)
	if err != nil {
		return nil, err
	}
	inits := spec.child("initContainers")
	i := inits.named(name)
	if i < 0 || inits.Content[i].Kind != yaml.MappingNode {
		return nil, refuse(Shape, name+" is not written out", 0)
	}
	return inits.item(i), nil
}

// setAlways gives the container its restartPolicy: behind its name, or where its sorted keys want it.
func (f *file) setAlways(t *text, l *ledger, c Change, m Move) error {
	item, err := f.moved(c, m.Container)
	if err != nil {
		return err
	}
	if old := item.child("restartPolicy"); old != nil {
		if old.Value == always {
			return nil
		}
		if err := f.replaceInline(t, l, old, always); err != nil {
			return err
		}
		f.data = t.bytes()
		return nil
	}
	if item.Style&yaml.FlowStyle != 0 {
		return f.insertFlow(t, l, item.child("name"), "restartPolicy", always)
	}
	at := item.child("name")
	if sortedKeys(item.Node) && item.Content[0].Value != "name" {
		return f.insertField(t, l, item, "restartPolicy", always, true)
	}
	e, err := t.valueExtent(at)
	if err != nil {
		return err
	}
	added := t.add(strings.Repeat(" ", t.keyColumn(item)) + "restartPolicy: " + always)
	f.insert(t, l, e, added)
	return nil
}

// addProbe gives the container a startupProbe: above its other probes, where sorted keys want it, or at its end.
func (f *file) addProbe(t *text, l *ledger, c Change, m Move) error {
	item, err := f.moved(c, m.Container)
	if err != nil {
		return err
	}
	if item.child("startupProbe") != nil {
		return refuse(Shape, "startupProbe is there already", item.Line)
	}
	if item.Style&yaml.FlowStyle != 0 {
		return f.insertFlow(t, l, item.item(len(item.Content)-1), "startupProbe", m.Probe)
	}
	return f.insertField(t, l, item, "startupProbe", m.Probe, sortedKeys(item.Node))
}

// insertField adds a key to a block mapping.
func (f *file) insertField(t *text, l *ledger, item *place, key string, value any, sorted bool) error {
	column := t.keyColumn(item)
	at := -1
	for i := 0; i < len(item.Content) && at < 0; i += 2 {
		next := &place{Node: item.Content[i+1], key: item.Content[i], parent: item, at: i + 1}
		name := next.key.Value
		if i == 0 || !(sorted && name > key || !sorted && (name == "livenessProbe" || name == "readinessProbe")) {
			continue
		}
		line, indent, err := t.keyLine(next)
		if err != nil {
			return err
		}
		at = t.head(line, indent)
	}
	if at < 0 {
		e, err := t.itemExtent(item)
		if err != nil {
			return err
		}
		at = e.to
	}
	lines, err := t.block(key, value, column, f.style(item))
	if err != nil {
		return err
	}
	f.insert(t, l, at, lines)
	return nil
}

// insert puts lines into the file at an index, and notes them.
func (f *file) insert(t *text, l *ledger, at int, lines []line) {
	t.insert(at, lines...)
	l.adds(lines...)
	f.data = t.bytes()
}

// keyColumn is the column of an item's keys, from 0.
func (t *text) keyColumn(item *place) int {
	return t.lines[item.Content[0].Line-1].offset(item.Content[0].Column)
}

// valueExtent is the index of the line behind a key and its value.
func (t *text) valueExtent(p *place) (int, error) {
	to, err := t.after(p)
	if err != nil {
		return 0, err
	}
	column := t.lines[p.key.Line-1].offset(p.key.Column)
	for to > p.key.Line && (t.lines[to-1].blank() || t.lines[to-1].comment() && t.lines[to-1].indent() <= column) {
		to--
	}
	return to, nil
}

// sortedKeys reports whether somebody or something keeps the keys in order.
func sortedKeys(n *yaml.Node) bool {
	var keys []string
	for i := 0; i < len(n.Content); i += 2 {
		keys = append(keys, n.Content[i].Value)
	}
	return len(keys) > 2 && slices.IsSorted(keys)
}

// A style is how a file is indented.
type style struct {
	step    int
	compact bool // dashes stand below the first letter of their key
}

// style is that of the lists and mappings around an item of a list.
func (f *file) style(item *place) style {
	s := style{step: 2, compact: true}
	list := item.parent
	if list == nil || list.key == nil {
		return s
	}
	t := newText(f.data)
	if _, indent, err := t.dash(item); err == nil {
		s.compact = indent == t.lines[list.key.Line-1].offset(list.key.Column)
	}
	if spec := list.parent; spec.key != nil {
		if step := list.key.Column - spec.key.Column; step > 0 && spec.key.Line < list.key.Line {
			s.step = step
		}
	}
	return s
}

// block is a key with its value in lines.
func (t *text) block(key string, value any, column int, s style) ([]line, error) {
	return t.encoded(nodeOf(key, value), column, s)
}

// encoded is a value in lines, from a column on.
func (t *text) encoded(value any, column int, s style) ([]line, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(s.step)
	if s.compact {
		e.CompactSeqIndent()
	}
	if err := e.Encode(value); err != nil {
		return nil, err
	}
	var lines []line
	for _, l := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if l != "" {
			l = strings.Repeat(" ", column) + l
		}
		lines = append(lines, line{l, t.eol})
	}
	return lines, nil
}

// handlers come first in a probe, as people write it.
var handlers = []string{"exec", "grpc", "httpGet", "tcpSocket", "path", "port"}

// nodeOf is a mapping with one key. Probes have their handler first, short lists of words stand on one line.
func nodeOf(key string, value any) *yaml.Node {
	var node yaml.Node
	if node.Encode(map[string]any{key: value}) != nil {
		return &node
	}
	if key != "startupProbe" {
		return &node
	}
	each(&node, func(n *yaml.Node) {
		switch {
		case n.Kind == yaml.MappingNode:
			handlersFirst(n)
		case n.Kind == yaml.SequenceNode && len(n.Content) > 0 && n.Content[0].Kind == yaml.ScalarNode:
			n.Style = yaml.FlowStyle
		}
	})
	return &node
}

func handlersFirst(n *yaml.Node) {
	var first, rest []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if pair := n.Content[i : i+2]; slices.Contains(handlers, n.Content[i].Value) {
			first = append(first, pair...)
		} else {
			rest = append(rest, pair...)
		}
	}
	n.Content = append(first, rest...)
}
