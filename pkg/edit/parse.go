package edit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A file is a text with the nodes and the values of its documents.
type file struct {
	data   []byte
	nodes  []*yaml.Node
	values []any // of parse, not of parseNodes
}

func decodeRune(s string) (rune, int) { return utf8.DecodeRuneInString(s) }

// parse reads all documents; anything that makes positions or values doubtful is refused.
func parse(data []byte) (*file, *Refusal) {
	if !utf8.Valid(data) {
		return nil, refuse(NotParsed, "not UTF-8", 0)
	}
	var tabs []int
	lines := newText(data).lines
	for n, l := range lines {
		if strings.ContainsAny(l.text, "\r\u0085\u2028\u2029") {
			return nil, refuse(LineBreaks, "", n+1)
		}
		if strings.HasPrefix(strings.TrimLeft(l.text, " "), "\t") && !l.blank() && !isJSON(data) {
			tabs = append(tabs, n)
		}
	}
	f, refusal := parseNodes(data)
	for _, n := range tabs {
		if refusal != nil || !f.inScript(lines, n) {
			return nil, refuse(Tabs, "", n+1)
		}
	}
	if refusal != nil {
		return nil, refusal
	}
	for _, node := range f.nodes {
		var value any
		if err := node.Decode(&value); err != nil {
			if line := template(node); line > 0 {
				return nil, refuse(Template, "", line)
			}
			return nil, refuse(NotParsed, firstLine(err), 0)
		}
		if line := template(node); line > 0 {
			return nil, refuse(Template, "", line)
		}
		f.values = append(f.values, value)
	}
	return f, nil
}

// inScript reports whether a line is one of a block scalar: a tab behind its indentation is part of the text there.
func (f *file) inScript(lines []line, at int) bool {
	var blocks []int
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 && n.Line <= at {
			blocks = append(blocks, n.Line)
		}
		for _, child := range n.Content {
			walk(child)
		}
	}
	for _, n := range f.nodes {
		walk(n)
	}
	return slices.ContainsFunc(blocks, func(first int) bool {
		indent := -1
		for _, l := range lines[first : at+1] {
			if l.blank() {
				continue
			}
			spaces := len(l.text) - len(strings.TrimLeft(l.text, " "))
			if indent < 0 {
				indent = spaces
			}
			if spaces < indent || spaces == 0 {
				return false
			}
		}
		return true
	})
}

// parseNodes reads positions only. The parser is known to panic on some inputs.
func parseNodes(data []byte) (f *file, refusal *Refusal) {
	defer func() {
		if r := recover(); r != nil {
			f, refusal = nil, refuse(NotParsed, fmt.Sprint(r), 0)
		}
	}()
	f = &file{data: data}
	if isJSON(data) {
		data = bytes.ReplaceAll(data, []byte("\t"), []byte(" ")) // JSON may be indented with tabs; its strings have none
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			if bytes.Contains(data, []byte("{{")) {
				return nil, refuse(Template, firstLine(err), 0)
			}
			return nil, refuse(NotParsed, firstLine(err), 0)
		}
		f.nodes = append(f.nodes, &node)
	}
}

// firstLine is what is wrong first: of several errors the parser names the lines below a heading.
func firstLine(err error) string {
	text, more, _ := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), "\n")
	if strings.HasSuffix(text, ":") && more != "" {
		text, _, _ = strings.Cut(more, "\n")
	}
	return strings.TrimSpace(text)
}

// template is the line of the first marker of a template outside of quotes and block scalars; 0 if there is none.
func template(n *yaml.Node) int {
	switch {
	case n.Kind == yaml.ScalarNode && n.Style == 0 && strings.Contains(n.Value, "{{"):
		return n.Line
	case n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0 && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode:
		return n.Line
	}
	for _, child := range n.Content {
		if line := template(child); line > 0 {
			return line
		}
	}
	return 0
}

// flow reports whether a document is JSON or KYAML: in braces as a whole.
func (f *file) flow(document int) bool {
	root := f.nodes[document]
	return len(root.Content) > 0 && root.Content[0].Style&yaml.FlowStyle != 0
}

// A place is a node with the way to it.
type place struct {
	*yaml.Node
	key      *yaml.Node // of a mapping's value
	parent   *place
	at       int // index in the parent's Content
	document int
}

// root is the content of a document.
func (f *file) root(document int) *place {
	if document >= len(f.nodes) || len(f.nodes[document].Content) == 0 {
		return nil
	}
	return &place{Node: f.nodes[document].Content[0], document: document}
}

// child is a value of a mapping or an item of a list; nil if it is not there as text of its own.
func (p *place) child(name string) *place {
	if p == nil {
		return nil
	}
	switch p.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(p.Content); i += 2 {
			if p.Content[i].Value == name && p.Content[i].Kind == yaml.ScalarNode {
				return &place{Node: p.Content[i+1], key: p.Content[i], parent: p, at: i + 1, document: p.document}
			}
		}
	case yaml.SequenceNode:
		if i, ok := index(name); ok && i < len(p.Content) {
			return p.item(i)
		}
	}
	return nil
}

func (p *place) item(i int) *place {
	return &place{Node: p.Content[i], parent: p, at: i, document: p.document}
}

func (p *place) find(path []string) *place {
	for _, name := range path {
		p = p.child(name)
	}
	return p
}

// spec is the pod spec that a change is about.
func (f *file) spec(c Change) (*place, error) {
	spec := f.root(c.Document).find(c.Way)
	if spec == nil || spec.Kind != yaml.MappingNode {
		return nil, refuse(Shape, "the pod spec is not written out", 0)
	}
	return spec, nil
}

// named is the index of the item of a list that has the name; -1 if there is none.
func (p *place) named(name string) int {
	if p == nil || p.Kind != yaml.SequenceNode {
		return -1
	}
	for i := range p.Content {
		if n := p.item(i).child("name"); n != nil && scalarOf(n.Node) == name {
			return i
		}
	}
	return -1
}

func scalarOf(n *yaml.Node) string {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n.Value
}

// inFlow reports whether the node stands in brackets or braces.
func (p *place) inFlow() bool {
	for at := p.parent; at != nil; at = at.parent {
		if at.Style&yaml.FlowStyle != 0 {
			return true
		}
	}
	return false
}
