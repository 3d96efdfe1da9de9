package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ErrTemplate is what [Parse] returns for the source of a template: {{ stands in it outside of strings and comments.
var ErrTemplate = errors.New("is a template, not YAML: render it first")

// A Document is one document of a file.
type Document struct {
	Place Place
	// Node is the document node; nil where the object comes from a cluster.
	Node *yaml.Node
	// Object is the document as the API server would read it; nil for one that is no mapping.
	Object map[string]any
	// Workloads are those in it: more than one in a List, and in kinds with several templates.
	Workloads []*Workload
	// Alone are objects whose sidecars are not ours to judge.
	Alone []Alone
	// Unrecognized are lists of containers that are in no pod template that is known of.
	Unrecognized []Unrecognized
}

// Alone is an object whose sidecars are left alone.
type Alone struct {
	APIVersion, Kind, Namespace, Name string
	Place                             Place
	Reason                            Reason
}

// Flow reports whether the document is JSON or KYAML: braces and brackets instead of indentation.
func (d *Document) Flow() bool {
	return d.Node != nil && len(d.Node.Content) > 0 && d.Node.Content[0].Style&yaml.FlowStyle != 0
}

// Parse reads the documents of a file. With an error come the documents before it.
func Parse(name string, data []byte) ([]Document, error) {
	out, err := parse(name, data)
	trimmed := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n")
	if err != nil && len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && !bytes.HasPrefix(trimmed, []byte("{{")) && bytes.Contains(data, []byte("\t")) {
		// JSON may be indented with tabs, which YAML does not like; inside its strings there are none.
		if again, err := parse(name, bytes.ReplaceAll(data, []byte("\t"), []byte(" "))); err == nil {
			return again, nil
		}
	}
	return out, err
}

func parse(name string, data []byte) ([]Document, error) {
	var out []Document
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		switch err := decoder.Decode(&node); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil && templated(data):
			return out, ErrTemplate
		case err != nil:
			return out, err
		}
		d := Document{Place: Place{File: name, Document: len(out), Line: node.Line, Column: node.Column}, Node: &node}
		if len(node.Content) > 0 {
			root := node.Content[0]
			d.Place.Line, d.Place.Column = root.Line, root.Column
			value, err := (&reader{open: map[*yaml.Node]bool{}}).read(root)
			if err != nil {
				return out, err
			}
			d.Object, _ = value.(map[string]any)
			if hasTemplate(root, strings.HasPrefix(text(d.Object["apiVersion"]), "argoproj.io/")) {
				return out, ErrTemplate
			}
			d.find(d.Object, root, nil)
		}
		out = append(out, d)
	}
}

// templated reports whether a text that is not YAML has {{ outside of comments.
func templated(data []byte) bool {
	for line := range bytes.Lines(data) {
		if at := bytes.Index(line, []byte("{{")); at >= 0 && !bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
			return true
		}
	}
	return false
}

// hasTemplate reports whether {{ stands outside of strings: a mapping as a key, or in a plain word. In Argo's
// manifests such words are their own.
func hasTemplate(n *yaml.Node, argo bool) bool {
	switch n.Kind {
	case yaml.ScalarNode:
		return !argo && n.Style == 0 && strings.Contains(n.Value, "{{")
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Kind == yaml.MappingNode {
				return true
			}
		}
	}
	return slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return hasTemplate(c, argo) })
}

// find finds the workloads of an object, also inside of a List.
func (d *Document) find(object map[string]any, node *yaml.Node, root []string) {
	kind, apiVersion := text(object["kind"]), text(object["apiVersion"])
	if kind == "" && apiVersion == "" && len(root) == 0 {
		d.noManifest(object, node)
		return
	}
	if items, ok := object["items"].([]any); ok && strings.HasSuffix(kind, "List") {
		d.findAll(items, typeOfItems(apiVersion, kind), node, root)
		return
	}
	k := kindOf(apiVersion, kind)
	own := strings.Contains(apiVersion, "/") && (k == nil || k.alone != "") && hasOwnSidecars(object["spec"], maxDepth)
	ways := waysIn(object, k, !own && kind != "" && strings.Contains(apiVersion, "/"))
	for _, way := range ways {
		d.Workloads = append(d.Workloads, d.workload(object, node, root, way, k != nil))
	}
	if reason := leftAlone(k, own); reason != "" {
		w := d.workload(object, node, root, nil, true)
		d.Alone = append(d.Alone, Alone{w.APIVersion, w.Kind, w.Namespace, w.Name, w.Place, reason})
		return
	}
	d.findUnrecognized(object, node, root, ways)
}

// noManifest notes a document that says of nothing what it is, if it has containers.
func (d *Document) noManifest(object map[string]any, node *yaml.Node) {
	if node != nil && namesImages(object) {
		d.Alone = append(d.Alone, Alone{Place: d.Place, Reason: NoManifest})
	}
}

// leftAlone is why the sidecars of a kind are left alone; empty where they are not.
func leftAlone(k *kind, own bool) Reason {
	switch {
	case k != nil && k.alone == OwnEnd:
		return OwnEnd
	case own:
		return OwnSidecars
	}
	return ""
}

// typeOfItems is what the items of a list are that do not say so, as the API server writes them; nil where the list
// does not say so either.
func typeOfItems(apiVersion, list string) map[string]any {
	kind := strings.TrimSuffix(list, "List")
	if kind == "" || apiVersion == "" {
		return nil
	}
	return map[string]any{"apiVersion": apiVersion, "kind": kind}
}

// findAll finds those of the items of a List.
func (d *Document) findAll(items []any, typed map[string]any, node *yaml.Node, root []string) {
	_, list := step(node, "items")
	for i, item := range items {
		if fields, ok := item.(map[string]any); ok {
			if text(fields["kind"]) == "" && text(fields["apiVersion"]) == "" {
				maps.Copy(fields, typed)
			}
			at := strconv.Itoa(i)
			_, inner := step(list, at)
			d.find(fields, target(inner), append(slices.Clone(root), "items", at))
		}
	}
}

// waysIn are the ways to the pod specs of an object; guess allows kinds that are not known.
func waysIn(object map[string]any, k *kind, guess bool) [][]string {
	var out [][]string
	switch {
	case k != nil:
		for _, w := range k.ways {
			out = append(out, resolve(object, w, nil)...)
		}
	case guess:
		for _, w := range guesses {
			out = append(out, slices.DeleteFunc(resolve(object, w, nil), func(way []string) bool { return !hasContainers(object, way) })...)
		}
	}
	return out
}

// maxDepth is how deep below spec a field for sidecars is looked for.
const maxDepth = 6

func hasContainers(object map[string]any, way []string) bool {
	spec, _ := Descend(object, way).(map[string]any)
	list, _ := spec["containers"].([]any)
	return len(list) > 0
}

// workload is the one whose pod spec a way leads to.
func (d *Document) workload(object map[string]any, node *yaml.Node, root, way []string, known bool) *Workload {
	w := &Workload{
		APIVersion: text(object["apiVersion"]), Kind: text(object["kind"]), Place: d.Place,
		Root: root, Way: way, Known: known, Object: object, root: node,
		Template: NoTemplate,
	}
	if node != nil {
		w.Place.Line, w.Place.Column = node.Line, node.Column
	}
	var meta metav1.ObjectMeta
	_ = into(object["metadata"], &meta) // what is wrong with it is not ours to say
	w.Namespace, w.Name, w.Labels, w.Annotations = meta.Namespace, meta.Name, meta.Labels, meta.Annotations
	if w.Name == "" {
		w.Name = meta.GenerateName
	}
	if len(way) > 0 {
		template, _ := Descend(object, way[:len(way)-1]).(map[string]any)
		w.Template = new(corev1.PodTemplateSpec)
		w.Unreadable = into(map[string]any{"metadata": template["metadata"], "spec": template["spec"]}, w.Template)
	}
	return w
}

// into decodes a value into a typed one; what can be read of it is read, and the error names the first field that
// cannot.
func into[T any](value any, typed *T) error {
	if fields, ok := value.(map[string]any); ok {
		var out T
		if runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &out) == nil { // without a detour over text
			*typed = out
			return nil
		}
	}
	return asJSON(value, typed)
}

func asJSON(value, typed any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, typed)
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// A reader turns nodes into values as the API server's decoder does.
type reader struct {
	nodes int
	open  map[*yaml.Node]bool
}

// maxNodes is more than any manifest has; aliases of aliases can multiply.
const maxNodes = 2_000_000

func (r *reader) read(n *yaml.Node) (any, error) {
	if r.nodes++; r.nodes > maxNodes {
		return nil, fmt.Errorf("line %d: too many aliases", n.Line)
	}
	switch n.Kind {
	case yaml.AliasNode:
		if r.open[n.Alias] {
			return nil, fmt.Errorf("line %d: anchor %q contains itself", n.Line, n.Value)
		}
		r.open[n.Alias] = true
		defer delete(r.open, n.Alias)
		return r.read(n.Alias)
	case yaml.SequenceNode:
		out := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			value, err := r.read(c)
			if err != nil {
				return nil, err
			}
			out = append(out, value)
		}
		return out, nil
	case yaml.MappingNode:
		return r.mapping(n)
	}
	return scalar(n), nil
}

func (r *reader) mapping(n *yaml.Node) (any, error) {
	out := make(map[string]any, len(n.Content)/2)
	var from []any
	for i := 0; i+1 < len(n.Content); i += 2 {
		value, err := r.read(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		if n.Content[i].Tag == mergeTag {
			from = append(from, value)
			continue
		}
		out[target(n.Content[i]).Value] = value
	}
	for _, value := range from {
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, item := range list {
			fields, _ := item.(map[string]any)
			for key, inner := range fields {
				if _, there := out[key]; !there {
					out[key] = inner
				}
			}
		}
	}
	return out, nil
}

// oldBool is a word that is a boolean in YAML 1.1, as Kubernetes reads it, and text in YAML 1.2.
func oldBool(word string) (value, ok bool) {
	switch word {
	case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
		return false, true
	}
	return false, false
}

func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!str":
		if value, ok := oldBool(n.Value); ok && n.Style == 0 {
			return value
		}
	case "!!bool", "!!int", "!!float":
		var value any
		if n.Decode(&value) == nil {
			return value
		}
	}
	return n.Value
}
