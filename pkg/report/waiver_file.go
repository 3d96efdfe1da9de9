package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// MaxWaiverFile is how large a file of waivers or a baseline may be, in bytes.
const MaxWaiverFile = 16 << 20

// A WaiverFileError is what is wrong with a file of waivers or a baseline, and where.
type WaiverFileError struct {
	File string
	Line int
	Err  error
	// Typed is a word that is not one of Valid; both are empty for other errors.
	Typed string
	Valid []string
}

func (e *WaiverFileError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }
func (e *WaiverFileError) Unwrap() error { return e.Err }

// ReadWaivers reads a file of waivers: YAML or JSON, kind Waivers. name is that of the file, for errors
// and for the source of each waiver. Nothing in it is overlooked: what is not understood is an error.
func ReadWaivers(data []byte, name string) ([]Waiver, error) {
	f := &waiverFile{name: name}
	entries, err := f.open(data, "Waivers", "waivers")
	if err != nil {
		return nil, err
	}
	var out []Waiver
	for _, entry := range entries {
		w, err := f.waiver(entry)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// ReadBaseline reads what [WriteBaseline] wrote.
func ReadBaseline(data []byte, name string) ([]Waiver, error) {
	f := &waiverFile{name: name}
	entries, err := f.open(data, BaselineKind, "findings", "cluster", "takenAt", "tool")
	if err != nil {
		return nil, err
	}
	var out []Waiver
	for _, entry := range entries {
		fields, err := f.fields(entry, "check", "object", "message")
		if err != nil {
			return nil, err
		}
		w := Waiver{Action: Baseline, Source: f.at(entry), Check: f.text(fields["check"]), Object: f.text(fields["object"])}
		if err := f.checkNames(fields, w); err != nil {
			return nil, err
		}
		if w.Object == "" {
			return nil, f.fail(entry, errors.New("object is missing: a baseline names each"))
		}
		out = append(out, w)
	}
	return out, nil
}

// A waiverFile is a file that is being read.
type waiverFile struct{ name string }

func (f *waiverFile) at(n *yamlv3.Node) string { return fmt.Sprintf("%s:%d", f.name, n.Line) }

func (f *waiverFile) fail(n *yamlv3.Node, err error) error {
	return &WaiverFileError{File: f.name, Line: max(n.Line, 1), Err: err}
}

// unknown is the error about a word that is none of valid.
func (f *waiverFile) unknown(n *yamlv3.Node, what, typed string, valid []string) error {
	return &WaiverFileError{
		File: f.name, Line: n.Line, Err: fmt.Errorf("unknown %s %q", what, typed), Typed: typed, Valid: valid,
	}
}

// open returns the entries of the list of a document of the kind.
func (f *waiverFile) open(data []byte, kind, list string, others ...string) ([]*yamlv3.Node, error) {
	root := &yamlv3.Node{Line: 1}
	if len(data) > MaxWaiverFile {
		return nil, f.fail(root, fmt.Errorf("larger than %d MB, the most that is read", MaxWaiverFile>>20))
	}
	decoder := yamlv3.NewDecoder(bytes.NewReader(data))
	document := &yamlv3.Node{}
	if err := decoder.Decode(document); errors.Is(err, io.EOF) {
		return nil, f.fail(root, errors.New("the file is empty"))
	} else if err != nil {
		return nil, f.syntax(err)
	}
	if err := decoder.Decode(&yamlv3.Node{}); err == nil {
		return nil, f.fail(root, errors.New("several documents in one file: give each a file of its own"))
	} else if !errors.Is(err, io.EOF) {
		return nil, f.syntax(err)
	}
	if len(document.Content) > 0 {
		root = document.Content[0]
	}
	if err := f.header(root, kind); err != nil {
		return nil, err
	}
	top, err := f.fields(root, append([]string{"apiVersion", "kind", list}, others...)...)
	if err != nil {
		return nil, err
	}
	entries := top[list]
	switch {
	case entries == nil:
		return nil, f.fail(root, fmt.Errorf("%s is missing: the list, which may be []", list))
	case entries.Kind != yamlv3.SequenceNode:
		return nil, f.fail(entries, fmt.Errorf("%s is no list", list))
	}
	return entries.Content, nil
}

// header refuses another kind or version before it says what is unknown in it.
func (f *waiverFile) header(root *yamlv3.Node, kind string) error {
	at := map[string]*yamlv3.Node{"kind": root, "apiVersion": root}
	got := map[string]string{}
	if n := resolved(root); n.Kind == yamlv3.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			at[n.Content[i].Value], got[n.Content[i].Value] = n.Content[i], f.text(resolved(n.Content[i+1]))
		}
	} else {
		return f.fail(root, errors.New("no mapping with apiVersion, kind and a list"))
	}
	if got["kind"] != kind {
		return f.fail(at["kind"], fmt.Errorf("kind is %q, not %s", got["kind"], kind))
	}
	if got["apiVersion"] != facts.APIVersion {
		return f.fail(at["apiVersion"], fmt.Errorf("apiVersion is %q; this program reads %s", got["apiVersion"], facts.APIVersion))
	}
	return nil
}

// syntax puts the line of a parser's error where it belongs.
func (f *waiverFile) syntax(err error) error {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if n, scanErr := fmt.Sscanf(text, "line %d: ", &line); n == 1 && scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	return f.fail(&yamlv3.Node{Line: line}, fmt.Errorf("not YAML: %s", text))
}

// fields are the values of a mapping, whose keys are among valid and each there once.
func (f *waiverFile) fields(n *yamlv3.Node, valid ...string) (map[string]*yamlv3.Node, error) {
	if n = resolved(n); n.Kind != yamlv3.MappingNode {
		return nil, f.fail(n, fmt.Errorf("no mapping with the keys %s", strings.Join(valid, ", ")))
	}
	out := map[string]*yamlv3.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolved(n.Content[i+1])
		switch {
		case !slices.Contains(valid, key.Value):
			return nil, f.unknown(key, "field", key.Value, valid)
		case out[key.Value] != nil:
			return nil, f.fail(key, fmt.Errorf("%s is given twice", key.Value))
		}
		out[key.Value] = value
	}
	return out, nil
}

// resolved is what an alias stands for.
func resolved(n *yamlv3.Node) *yamlv3.Node {
	if n.Kind == yamlv3.AliasNode {
		return n.Alias
	}
	return n
}

// text is a scalar as it is written, on one line; empty for null, for nothing and for what is no scalar.
func (f *waiverFile) text(n *yamlv3.Node) string {
	if n == nil || n.Kind != yamlv3.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return strings.Join(strings.Fields(n.Value), " ")
}

func (f *waiverFile) waiver(entry *yamlv3.Node) (Waiver, error) {
	fields, err := f.fields(entry, "check", "action", "object", "reason", "until")
	if err != nil {
		return Waiver{}, err
	}
	w := Waiver{
		Action: Suppress, Source: f.at(entry), Check: f.text(fields["check"]),
		Object: f.text(fields["object"]), Reason: f.text(fields["reason"]), Until: f.text(fields["until"]),
	}
	if action := fields["action"]; action != nil {
		w.Action = WaiverAction(f.text(action))
		if w.Action != Suppress && w.Action != Accept {
			return w, f.unknown(action, "action", string(w.Action), []string{string(Suppress), string(Accept)})
		}
	}
	if err := f.checkNames(fields, w); err != nil {
		return w, err
	}
	if n := fields["object"]; n != nil {
		if w.Object, err = f.object(n, w); err != nil {
			return w, err
		}
	}
	if err := checkTerms(w.Reason, w.Until); err != nil {
		at := entry
		if n := fields["until"]; n != nil && w.Reason != "" {
			at = n
		}
		return w, f.fail(at, err)
	}
	return w, nil
}

// checkNames refuses a check that is missing or does not exist.
func (f *waiverFile) checkNames(fields map[string]*yamlv3.Node, w Waiver) error {
	n := fields["check"]
	switch {
	case n == nil:
		return &WaiverFileError{File: f.name, Line: lineOf(fields), Err: errors.New("check is missing: the id of a check")}
	case !knownCheck(w.Check):
		var ids []string
		for _, c := range waivable() {
			ids = append(ids, c.ID)
		}
		return f.unknown(n, "check", w.Check, ids)
	}
	return nil
}

func lineOf(fields map[string]*yamlv3.Node) int {
	line := 1
	for i, n := range slices.Collect(maps.Values(fields)) {
		if i == 0 || n.Line < line {
			line = n.Line
		}
	}
	return line
}

// objectKinds are what findings are about, and what has such objects in it.
var objectKinds = []string{
	"node", "namespace", "pod", "mutatingwebhook", "mutatingwebhookconfiguration", "mutatingadmissionpolicy",
	"customresourcedefinition", "apiserver", "controlplane", "admissionwebhook", "admissionpolicy",
}

// object is KIND/NAME with the kind as findings have it. The scope of a gap may be anything else. The
// name of a class is refused: in the next run another class may have it.
func (f *waiverFile) object(n *yamlv3.Node, w Waiver) (string, error) {
	kind, name, ok := strings.Cut(w.Object, "/")
	lower := strings.ToLower(kind)
	switch {
	case w.Object == "":
		return "", f.fail(n, errors.New("object is empty: leave it out to cover all, or name one: node/worker-1"))
	case lower == "namespaceclass" || lower == "podshape" || classScope(w.Object):
		return "", f.fail(n, fmt.Errorf("%q: classes and shapes have other names in the next run: name their namespaces, an entry for each: namespace/NAME", w.Object))
	case lower == "apiserver" && strings.Contains(name, "@"):
		return "", f.fail(n, fmt.Errorf("%q: an API server has another name once it is restarted: name them all, apiserver/kube-apiserver", w.Object))
	case slices.Contains(objectKinds, lower) && ok && name != "":
		return lower + "/" + name, nil
	case w.Action == Accept:
		return w.Object, nil
	case !ok || name == "":
		return "", f.fail(n, fmt.Errorf("%q is not KIND/NAME, such as node/worker-1", w.Object))
	}
	return "", f.unknown(n, "kind", kind, objectKinds)
}

// classScope recognizes the scope of a gap that names a class.
func classScope(object string) bool {
	return strings.HasPrefix(object, "class-") || strings.HasPrefix(object, "shape-")
}
