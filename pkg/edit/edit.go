// Package edit changes pod templates in the text of manifests: it moves containers to initContainers,
// and sets and drops fields, without touching any other byte. Positions come from a parser, the text is
// edited, and the result is proven: parsed again it must equal the same change made on the values, it
// must have every line of the original that was not meant to go, and a second edit must change nothing.
// What cannot be proven is not returned as text, but refused with a JSON patch.
package edit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// A Change is what is to become of one pod spec of a file. Fields are set first, then dropped, then added, then
// containers are moved: paths of what is set and dropped are those of the original.
type Change struct {
	// Document counts the documents of the file, from 0, as a decoder yields them.
	Document int
	// Way is keys, or indexes of lists, from the root of the document to the pod spec.
	Way   []string
	Sets  []Set
	Drops []Drop
	Adds  []Add
	Moves []Move
	// Then is made on what this has left.
	Then *Change
}

// A Move makes a native sidecar of an ordinary container, or of a plain init container, which stays where it is.
type Move struct {
	Container string
	// Probe is a startupProbe to add; nil adds none.
	Probe map[string]any
	// Before is an init container that needs this one; empty puts it behind all of them.
	Before string
	// Plain moves without restartPolicy: for patches that are merged into what is moved elsewhere.
	Plain bool
	// Partial is set for a pod spec that is only a part of one, such as a patch that brings the container: it may be the
	// only one there.
	Partial bool
}

// A Set replaces the value of a field that is there. Path starts at the pod spec; indexes are decimal.
type Set struct {
	Path  []string
	Value any
}

// A Drop removes a field, or an item of a list. A list that would be left without items goes as a whole.
type Drop struct {
	Path []string
}

// A Result is a file with the change made and proven.
type Result struct {
	Data []byte
	// Patch is the same change as a JSON patch of the object.
	Patch []Op
	// Moved counts the lines that stand elsewhere now; 0 if lines were only added.
	Moved int
	// Rewritten reports whether the document was written anew, as only JSON and KYAML are.
	Rewritten bool
}

// A Reason is why a change was refused.
type Reason string

// Reasons of a Refusal. The first group says that the change is wrong, the second that it is right, but cannot be made in this text.
const (
	NotFound      Reason = "container-not-found"
	NoPodSpec     Reason = "pod-spec-not-found"
	LastContainer Reason = "last-ordinary-container"
	NameTwice     Reason = "name-used-twice"
	BadPath       Reason = "field-not-found"

	NotParsed    Reason = "not-parsed"
	Template     Reason = "template"
	Tabs         Reason = "tab-as-indentation"
	LineBreaks   Reason = "unusual-line-breaks"
	Flow         Reason = "flow-style"
	AnchorInside Reason = "anchor-used-elsewhere"
	// AnchorAround: what would change has an anchor, and would change where that is used, too.
	AnchorAround Reason = "changes-where-its-anchor-is-used"
	Shape        Reason = "unusual-shape"
	Unproven     Reason = "not-proven"
)

// A Refusal is an error: nothing is to be written. Patch, if there is one, makes the change on the object instead.
type Refusal struct {
	Reason Reason
	// About is what it is about: a container, a path, an anchor, what a parser said.
	About string
	// Line is where, from 1; 0 if that is not known.
	Line  int
	Patch []Op
}

func (r *Refusal) Error() string {
	text := string(r.Reason)
	if r.Line > 0 {
		text = fmt.Sprintf("line %d: %s", r.Line, text)
	}
	if r.About != "" {
		text += ": " + r.About
	}
	return text
}

func refuse(reason Reason, about string, line int) *Refusal {
	return &Refusal{Reason: reason, About: about, Line: line}
}

// Apply makes the change in the text. Containers that are native sidecars already need nothing: if nothing
// is to be done, Data is the original. The error is always a *Refusal.
func Apply(data []byte, c Change) (*Result, error) {
	result, err := apply(data, c)
	if err != nil || c.Then == nil {
		return result, err
	}
	next, err := Apply(result.Data, *c.Then)
	if err != nil {
		var refusal *Refusal
		if errors.As(err, &refusal) && refusal.Patch != nil {
			refusal.Patch = slices.Concat(result.Patch, refusal.Patch)
		}
		return nil, err
	}
	return &Result{Data: next.Data, Patch: slices.Concat(result.Patch, next.Patch), Moved: result.Moved + next.Moved,
		Rewritten: result.Rewritten || next.Rewritten}, nil
}

// apply makes a change without what comes then.
func apply(data []byte, c Change) (*Result, error) {
	before, refusal := parse(data)
	if refusal != nil {
		return nil, refusal
	}
	if c.Document < 0 || c.Document >= len(before.values) {
		return nil, refuse(NoPodSpec, fmt.Sprintf("document %d", c.Document), 0)
	}
	object := before.values[c.Document]
	todo, want, patch, refusal := plan(object, c)
	if refusal != nil {
		return nil, refusal
	}
	if todo.empty() {
		return &Result{Data: data}, nil
	}
	result, err := write(before, todo, want)
	if err != nil {
		if !errors.As(err, &refusal) {
			refusal = refuse(Shape, err.Error(), 0)
		}
		if refusal.Patch = patch; c.Then != nil {
			refusal.Patch, _ = Patch(object, c) // all of it, or none
		}
		return nil, refusal
	}
	result.Patch = patch
	return result, nil
}

// Patch is the change as a JSON patch alone, of an object that is no text: decoded JSON.
func Patch(object any, c Change) ([]Op, error) {
	var out []Op
	for next := &c; next != nil; next = next.Then {
		_, want, patch, refusal := plan(object, *next)
		if refusal != nil {
			return nil, refusal
		}
		object, out = want, append(out, patch...)
	}
	return out, nil
}

// Values is the change made on a copy of an object: what [Patch] makes of it.
func Values(object any, c Change) (any, error) {
	for next := &c; next != nil; next = next.Then {
		_, want, _, refusal := plan(object, *next)
		if refusal != nil {
			return nil, refusal
		}
		object = want
	}
	return object, nil
}

func (c Change) empty() bool { return len(c.Sets)+len(c.Drops)+len(c.Adds)+len(c.Moves) == 0 }

// write tries the smallest edit first; the first one that can be proven counts.
func write(before *file, c Change, want any) (*Result, error) {
	var first error
	for _, attempt := range []func(*file, Change) ([]byte, *ledger, error){inPlace, closed, expanded, whole} {
		data, l, err := attempt(before, c)
		if err == nil {
			if err = prove(before, data, c, want, l); err == nil {
				return &Result{Data: data, Moved: l.moved, Rewritten: l.rewritten}, nil
			}
		}
		var refusal *Refusal
		if errors.As(err, &refusal) && refusal.Reason == notForThis {
			continue
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// notForThis is why an attempt was not made; never returned to callers, because the first attempt is always made.
const notForThis Reason = "not-for-this"

// inPlace edits lines, and keeps aliases as they are.
func inPlace(before *file, c Change) ([]byte, *ledger, error) {
	if before.flow(c.Document) {
		return nil, nil, refuse(notForThis, "", 0)
	}
	return before.edit(c, false)
}

// closed ends the last line: a block scalar that moves to or from there would lose or win a newline.
func closed(before *file, c Change) ([]byte, *ledger, error) {
	if before.flow(c.Document) || !newText(before.data).open {
		return nil, nil, refuse(notForThis, "", 0)
	}
	data, l, err := before.edit(c, false)
	if err == nil {
		data = append(bytes.Clone(data), newText(data).eol...)
	}
	return data, l, err
}

// expanded writes out the aliases of what is moved, where their anchors would come later.
func expanded(before *file, c Change) ([]byte, *ledger, error) {
	if before.flow(c.Document) || !before.aliased(c) {
		return nil, nil, refuse(notForThis, "", 0)
	}
	return before.edit(c, true)
}

// edit makes one step after the other, each on what the step before has left.
func (f *file) edit(c Change, expand bool) ([]byte, *ledger, error) {
	l := &ledger{}
	at := &file{data: f.data, nodes: f.nodes}
	for _, step := range c.steps(expand) {
		was := at.data
		if err := step(at, newText(at.data), l); err != nil {
			return nil, nil, err
		}
		if bytes.Equal(was, at.data) {
			continue
		}
		next, refusal := parseNodes(at.data)
		if refusal != nil {
			return nil, nil, f.explain(c, refusal)
		}
		at = next
	}
	return at.data, l, nil
}

// A step is one edit of the text.
type step func(*file, *text, *ledger) error

// steps are in an order in which no path shifts before it is used.
func (c Change) steps(expand bool) []step {
	var out []step
	for _, s := range c.Sets {
		out = append(out, func(f *file, t *text, l *ledger) error { return f.set(t, l, c, s) })
	}
	for _, d := range lastFirst(c.Drops) {
		out = append(out, func(f *file, t *text, l *ledger) error { return f.drop(t, l, c, d.Path) })
	}
	for _, a := range c.Adds {
		out = append(out, func(f *file, t *text, l *ledger) error { return f.addText(t, l, c, a) })
	}
	if expand {
		for _, m := range c.Moves {
			out = append(out, func(f *file, t *text, l *ledger) error { return f.expand(t, l, c, m.Container) })
		}
	}
	out = append(out, func(f *file, t *text, l *ledger) error { return f.moveTail(t, l, c) })
	for _, m := range c.Moves {
		out = append(out, func(f *file, t *text, l *ledger) error { return f.move(t, l, c, m) })
		if !m.Plain {
			out = append(out, func(f *file, t *text, l *ledger) error { return f.setAlways(t, l, c, m) })
		}
		if m.Probe != nil {
			out = append(out, func(f *file, t *text, l *ledger) error { return f.addProbe(t, l, c, m) })
		}
	}
	return out
}

// lastFirst orders drops so that none shifts another's index.
func lastFirst(drops []Drop) []Drop {
	out := slices.Clone(drops)
	slices.SortStableFunc(out, func(a, b Drop) int { return -comparePaths(a.Path, b.Path) })
	return out
}
