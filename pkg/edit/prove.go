package edit

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// prove checks a result: its documents are those of before with the change made on the values, its lines
// are those of before apart from what the ledger has, and doing it again changes nothing.
func prove(before *file, data []byte, c Change, want any, l *ledger) error {
	after, refusal := parse(data)
	if refusal != nil {
		return before.explain(c, refusal)
	}
	if len(after.values) != len(before.values) {
		return refuse(Unproven, "the number of documents changed", 0)
	}
	for i, value := range after.values {
		expected := before.values[i]
		if i == c.Document {
			expected = want
		}
		if !reflect.DeepEqual(value, expected) {
			return before.explain(c, refuse(Unproven, fmt.Sprintf("document %d is not what it should be", i), 0))
		}
	}
	if refusal := sameLines(before.data, data, l); refusal != nil {
		return refusal
	}
	again := Change{Document: c.Document, Way: c.Way, Moves: c.Moves}
	if rest, _, _, refusal := plan(after.values[c.Document], again); refusal != nil || len(rest.Moves) > 0 {
		return refuse(Unproven, "a second run would change it again", 0)
	}
	return nil
}

// sameLines compares lines without their indentation, in any order: none is lost, none is new, unless the ledger has it.
// Where a document was written anew it compares comments.
func sameLines(before, after []byte, l *ledger) *Refusal {
	count := map[string]int{}
	for _, x := range newText(before).lines {
		count[essence(x.text, l.rewritten)]++
	}
	for _, x := range newText(after).lines {
		count[essence(x.text, l.rewritten)]--
	}
	if !l.rewritten {
		for _, x := range l.added {
			count[x]++
		}
		for _, x := range l.removed {
			count[x]--
		}
	}
	for x, n := range count {
		if n != 0 && x != "" {
			return refuse(Unproven, fmt.Sprintf("a line would be lost or doubled: %q", x), 0)
		}
	}
	return nil
}

// essence is what of a line must stay: all of it, or the comment that it is.
func essence(text string, commentsOnly bool) string {
	text = strings.TrimSpace(text)
	if commentsOnly && !strings.HasPrefix(text, "#") {
		return ""
	}
	return text
}

// moving are the nodes of the containers that move, as far as they are found.
func (f *file) moving(c Change) []*yaml.Node {
	var out []*yaml.Node
	list := f.root(c.Document).find(c.Way).child("containers")
	for _, m := range c.Moves {
		if i := list.named(m.Container); i >= 0 {
			out = append(out, list.Content[i])
		}
	}
	return out
}

// explain finds the reason behind a result that is not right: an anchor that would stand behind its alias, or one around
// what would change.
func (f *file) explain(c Change, refusal *Refusal) *Refusal {
	for _, moved := range f.moving(c) {
		inside := map[*yaml.Node]bool{}
		each(moved, func(n *yaml.Node) { inside[n] = true })
		var found, around *yaml.Node
		each(f.nodes[c.Document], func(n *yaml.Node) {
			if n.Kind != yaml.AliasNode {
				return
			}
			if inside[n] != inside[n.Alias] && found == nil {
				found = n
			}
			if !inside[n.Alias] && around == nil {
				each(n.Alias, func(below *yaml.Node) {
					if below == moved {
						around = n
					}
				})
			}
		})
		if around != nil {
			return refuse(AnchorAround, around.Value, around.Line)
		}
		if found != nil {
			return refuse(AnchorInside, found.Value, found.Line)
		}
	}
	return refusal
}

// aliased reports whether what is moved has an alias of something outside of it.
func (f *file) aliased(c Change) bool {
	for _, moved := range f.moving(c) {
		found := false
		each(moved, func(n *yaml.Node) { found = found || n.Kind == yaml.AliasNode })
		if found {
			return true
		}
	}
	return false
}

// each visits a node and what is below it; not what aliases stand for.
func each(n *yaml.Node, visit func(*yaml.Node)) {
	visit(n)
	for _, child := range n.Content {
		each(child, visit)
	}
}
