package edit

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// An Add puts a new field into a mapping, or a new item into a list. Adds are made one after the other, each on what the
// one before has left.
type Add struct {
	// Path starts where Way leads. Its last word is the key of the new field, or the index that the new item gets; the
	// mapping or the list has to be there.
	Path  []string
	Value any
	// After is the field that a new one follows, Before the one that it precedes. Without both it is the first.
	After, Before string
}

func (a Add) parent() ([]string, string) { return a.Path[:len(a.Path)-1], a.Path[len(a.Path)-1] }

// add makes it on the value.
func (p *planner) add(a Add) *Refusal {
	if len(a.Path) == 0 {
		return refuse(BadPath, "", 0)
	}
	parent, last := a.parent()
	none := any(json.RawMessage("null"))
	switch in := workload.Descend(p.spec, parent).(type) {
	case map[string]any:
		if in[last] != nil {
			return refuse(BadPath, strings.Join(a.Path, ".")+" is there already", 0)
		}
		p.testNames(parent)
		p.patch = append(p.patch, Op{Op: "test", Path: p.pointer(a.Path...), Value: none})
		in[last] = deepCopy(a.Value)
	case []any:
		i, ok := index(last)
		if !ok || i > len(in) {
			return refuse(BadPath, strings.Join(a.Path, "."), 0)
		}
		p.testNames(parent)
		n := len(p.patch) - 1
		next := n >= 0 && p.patch[n].Op == "add" && strings.HasPrefix(p.patch[n].Path, p.pointer(parent...)+"/")
		if beside := min(i, len(in)-1); beside >= 0 && !next { // what an add has put there needs no test
			p.test(in[beside], append(slices.Clone(parent), strconv.Itoa(beside))...)
		}
		p.put(parent, slices.Insert(slices.Clone(in), i, deepCopy(a.Value)))
	default:
		return refuse(BadPath, strings.Join(a.Path, "."), 0)
	}
	p.patch = append(p.patch, Op{Op: "add", Path: p.pointer(a.Path...), Value: a.Value})
	return nil
}

// testNames has the patch test that each item with a name on the way is the one that is meant.
func (p *planner) testNames(path []string) {
	for i := range path {
		if _, isIndex := index(path[i]); !isIndex {
			continue
		}
		if name := field(workload.Descend(p.spec, path[:i+1]), "name"); name != nil {
			op := Op{Op: "test", Path: p.pointer(path[:i+1]...) + "/name", Value: name}
			if !slices.ContainsFunc(p.patch, func(o Op) bool { return o.Op == op.Op && o.Path == op.Path }) {
				p.patch = append(p.patch, op)
			}
		}
	}
}

// addText makes it in the text.
func (f *file) addText(t *text, l *ledger, c Change, a Add) error {
	top, err := f.spec(c)
	if err != nil {
		return err
	}
	parent, last := a.parent()
	in := top.find(parent)
	switch {
	case in == nil || in.Kind == yaml.ScalarNode || in.Kind == yaml.AliasNode:
		return refuse(Shape, strings.Join(parent, ".")+" is not written out", 0)
	case in.Anchor != "":
		return refuse(AnchorInside, in.Anchor, in.Line)
	case in.Kind == yaml.SequenceNode && in.Style&yaml.FlowStyle != 0:
		return f.addItemInFlow(t, l, in, last, a.Value)
	case in.Kind == yaml.SequenceNode:
		return f.addItem(t, l, in, last, a.Value)
	case in.Style&yaml.FlowStyle != 0:
		return f.addFieldInFlow(t, l, in, a)
	}
	return f.addField(t, l, in, a)
}

// addField puts a key into a block mapping.
func (f *file) addField(t *text, l *ledger, in *place, a Add) error {
	at, err := t.placeFor(in, a)
	if err != nil {
		return err
	}
	item := in
	for item.parent != nil && item.key != nil {
		item = item.parent
	}
	s := f.style(item)
	if item.key == nil && item.parent == nil { // not in a list
		s = f.styleOfSpec(in)
	}
	node, err := asWritten(map[string]any{a.Path[len(a.Path)-1]: a.Value})
	if err != nil {
		return err
	}
	lines, err := t.encoded(node, t.keyColumn(in), s)
	if err != nil {
		return err
	}
	f.insert(t, l, at, lines)
	return nil
}

// placeFor is the index of the line above which a new key goes. Nothing stands directly above it that could be taken for
// its comment.
func (t *text) placeFor(in *place, a Add) (int, error) {
	if p := in.child(a.After); p != nil {
		return t.valueExtent(p)
	}
	p := in.child(a.Before)
	if p == nil && in.key != nil {
		return in.key.Line, nil
	}
	if p == nil {
		return 0, refuse(Shape, a.Before, in.Line)
	}
	line, indent, err := t.keyLine(p)
	if err != nil {
		return 0, err
	}
	return t.head(line, indent), nil
}

// styleOfSpec is the style of the lists of a pod spec, told by its containers.
func (f *file) styleOfSpec(in *place) style {
	for at := in; at != nil; at = at.parent {
		for _, way := range [][]string{{"containers", "0"}, {"spec", "containers", "0"}} {
			if item := at.find(way); item != nil {
				return f.style(item)
			}
		}
	}
	return style{step: 2, compact: true}
}

// addItem puts an item into a block list.
func (f *file) addItem(t *text, l *ledger, in *place, word string, value any) error {
	i, ok := index(word)
	if !ok || len(in.Content) == 0 || i > len(in.Content) {
		return refuse(Shape, "a list without items", in.Line)
	}
	e, err := t.itemExtent(in.item(min(i, len(in.Content)-1)))
	if err != nil {
		return err
	}
	at := e.from
	if i == len(in.Content) {
		at = e.to
	}
	node, err := asWritten([]any{value})
	if err != nil {
		return err
	}
	lines, err := t.encoded(node, e.indent, f.styleOfSpec(in))
	if err != nil {
		return err
	}
	f.insert(t, l, at, lines)
	return nil
}

// addItemInFlow puts an item into a list in brackets.
func (f *file) addItemInFlow(t *text, l *ledger, in *place, word string, value any) error {
	i, ok := index(word)
	if !ok || i > len(in.Content) {
		return refuse(Shape, word, in.Line)
	}
	_, quoted := quotes(nil, firstScalar(in.Node))
	text, err := inline(value, quoted)
	if err != nil {
		return err
	}
	return f.addInFlow(t, l, in, i, 1, text)
}

// addFieldInFlow puts a key into a mapping in braces.
func (f *file) addFieldInFlow(t *text, l *ledger, in *place, a Add) error {
	var key, value *yaml.Node
	i := 0
	for n := 0; n+1 < len(in.Content); n += 2 {
		key, value = in.Content[n], firstScalar(in.Content[n+1])
		switch in.Content[n].Value {
		case a.After:
			i = n/2 + 1
		case a.Before:
			i = n / 2
		}
	}
	quotedKey, quotedValue := quotes(key, value)
	text, err := inline(a.Value, quotedValue)
	if err != nil {
		return err
	}
	name := a.Path[len(a.Path)-1]
	if quotedKey {
		name = `"` + name + `"`
	}
	return f.addInFlow(t, l, in, i, 2, name+": "+text)
}

// addInFlow puts a text before what is the i-th in a flow collection, whose entries have one node each, or two.
func (f *file) addInFlow(t *text, l *ledger, in *place, i, each int, text string) error {
	switch n := len(in.Content) / each; {
	case n == 0:
		at := strings.IndexAny(string(f.data[t.start(in.Node):]), "[{")
		at += t.start(in.Node) + 1
		f.splice(l, span{at, at}, text)
	case i < n:
		at := t.start(in.Content[i*each])
		f.splice(l, span{at, at}, text+", ")
	default:
		last, err := f.spanOf(t, in.Content[n*each-1], true)
		if err != nil {
			return err
		}
		f.splice(l, span{last.to, last.to}, ", "+text)
	}
	return nil
}

// firstScalar is the first scalar of a node; nil where it has none.
func firstScalar(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind != yaml.ScalarNode {
		if len(n.Content) == 0 {
			return nil
		}
		n = n.Content[len(n.Content)-1]
	}
	return n
}

// writtenFirst are the fields that people write first.
var writtenFirst = []string{"name", "image", "restartPolicy", "command", "args", "mountPath"}

// asWritten is a value as people write it.
func asWritten(value any) (*yaml.Node, error) {
	var node yaml.Node
	if err := node.Encode(value); err != nil {
		return nil, err
	}
	each(&node, func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			return
		}
		var content []*yaml.Node
		for _, key := range writtenFirst {
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == key {
					content = append(content, n.Content[i:i+2]...)
				}
			}
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !slices.Contains(writtenFirst, n.Content[i].Value) {
				content = append(content, n.Content[i:i+2]...)
			}
		}
		n.Content = content
	})
	return &node, nil
}
