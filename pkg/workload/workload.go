// Package workload finds pod templates: in the text of manifests, with the place of every field, and in objects of a
// cluster. It reads no file and asks nobody.
package workload

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Place is where something stands in a file.
type Place struct {
	// File is the name that was given to [Parse]; empty for what comes from a cluster.
	File string `json:"file,omitempty"`
	// Document counts the documents of the file from 0.
	Document int `json:"document,omitempty"`
	// Line and Column count from 1, columns in characters; 0 for what comes from a cluster.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

// String is "file:line:column".
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// A Workload is a pod template with its owner and its place. A bare pod is one, too.
type Workload struct {
	APIVersion, Kind, Namespace, Name string
	// Labels and Annotations are the owner's, not those of the template.
	Labels, Annotations map[string]string
	Place               Place
	// Root are the keys from the root of the document to the object: none, or "items", "2" in a List.
	Root []string
	// Way are the keys from the object to the pod spec: "spec", "template", "spec". Indexes of lists are numbers.
	Way []string
	// Known reports whether the kind is known to have a pod template there. Others only look as if.
	Known bool
	// Template has the metadata and the spec of the pods; never nil. It is large, and may be shared with others that have
	// none: nobody changes it.
	Template *corev1.PodTemplateSpec
	// Unreadable says which field of the template has a value of the wrong type; the others were read.
	Unreadable error
	// Object is the whole object; nil where only its template was given.
	Object map[string]any
	// root is the node of the object; nil for what comes from a cluster.
	root *yaml.Node
}

// NoTemplate is that of what has none.
var NoTemplate = new(corev1.PodTemplateSpec)

// Spec is the pod spec of the template.
func (w *Workload) Spec() *corev1.PodSpec { return &w.Template.Spec }

// Group is the API group of the owner: "apps", "" for the core group.
func (w *Workload) Group() string {
	group, _, found := strings.Cut(w.APIVersion, "/")
	if !found {
		return ""
	}
	return group
}

// Is reports whether the owner is of one of these kinds of Kubernetes' own.
func (w *Workload) Is(kinds ...string) bool {
	return builtIn(w.Group()) && slices.Contains(kinds, w.Kind)
}

// Completes reports whether the pods are made to exit: by a Job, a CronJob, or what custom kind is like them.
func (w *Workload) Completes() bool {
	if w.Is("Job", "CronJob") {
		return true
	}
	p := w.Template.Spec.RestartPolicy
	return (p == corev1.RestartPolicyNever || p == corev1.RestartPolicyOnFailure) && !w.Is("Pod")
}

// String is "Deployment shop/web".
func (w *Workload) String() string {
	if w.Namespace == "" {
		return w.Kind + " " + w.Name
	}
	return w.Kind + " " + w.Namespace + "/" + w.Name
}

// At is the place of a field of the pod spec: At("containers", "0", "image"). Where it is not there, it is the place of
// the nearest of its parents that is. The place of a field is that of its key, of an item of a list that of its start.
func (w *Workload) At(field ...string) Place {
	return w.AtObject(slices.Concat(w.Way, field)...)
}

// AtTemplate is the same for a field of the pod template: AtTemplate("metadata", "annotations").
func (w *Workload) AtTemplate(field ...string) Place {
	way := w.Way
	if !w.Is("Pod") {
		way = way[:len(way)-1]
	} else {
		way = nil
	}
	return w.AtObject(slices.Concat(way, field)...)
}

// AtObject is the same for a field of the object.
func (w *Workload) AtObject(field ...string) Place {
	out := w.Place
	at := w.root
	for _, key := range field {
		label, value := step(at, key)
		if value == nil {
			break
		}
		out.Line, out.Column = label.Line, label.Column
		at = value
	}
	return out
}

// AtContainer is the place of a field of a container; of the container without one. The index is that in its list.
func (w *Workload) AtContainer(init bool, index int, field ...string) Place {
	list := "containers"
	if init {
		list = "initContainers"
	}
	return w.At(append([]string{list, strconv.Itoa(index)}, field...)...)
}

// Node is the node of a field of the object; nil where it is not there, or the object comes from a cluster.
func (w *Workload) Node(field ...string) *yaml.Node {
	at := w.root
	for _, key := range field {
		if _, at = step(at, key); at == nil {
			return nil
		}
	}
	return at
}

// step is the child of a node under a key, and what its place is told by: its key, or itself in a list.
func step(at *yaml.Node, key string) (label, value *yaml.Node) {
	at = target(at)
	if at == nil {
		return nil, nil
	}
	switch at.Kind {
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(at.Content) {
			return at.Content[i], at.Content[i]
		}
	case yaml.MappingNode:
		for i := len(at.Content) - 2; i >= 0; i -= 2 { // of a key that is there twice, the last one counts
			if at.Content[i].Value == key && at.Content[i].Tag != mergeTag {
				return at.Content[i], at.Content[i+1]
			}
		}
		return merged(at, key)
	}
	return nil, nil
}

const mergeTag = "!!merge"

// merged looks for a key in what a mapping takes over with "<<".
func merged(at *yaml.Node, key string) (label, value *yaml.Node) {
	for i := 0; i+1 < len(at.Content); i += 2 {
		if at.Content[i].Tag != mergeTag {
			continue
		}
		from := target(at.Content[i+1])
		list := []*yaml.Node{from}
		if from != nil && from.Kind == yaml.SequenceNode {
			list = from.Content
		}
		for _, n := range list {
			if n = target(n); n == nil || n.Kind != yaml.MappingNode {
				continue
			}
			for j := 0; j+1 < len(n.Content); j += 2 {
				if n.Content[j].Value == key {
					return n.Content[j], n.Content[j+1]
				}
			}
		}
	}
	return nil, nil
}

// target is what an alias stands for, else the node itself.
func target(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// OfTemplate is the workload of a typed object, of which only the template is known.
func OfTemplate(apiVersion, kind string, meta *metav1.ObjectMeta, template *corev1.PodTemplateSpec) *Workload {
	own := *template // a list that it may be an item of is not kept for it
	out := &Workload{
		APIVersion: apiVersion, Kind: kind, Namespace: meta.Namespace, Name: meta.Name,
		Labels: meta.Labels, Annotations: meta.Annotations, Template: &own,
	}
	if k := kindOf(apiVersion, kind); k != nil {
		out.Known, out.Way = true, slices.Clone(k.ways[0])
	}
	return out
}

// Of are the workloads in an object of a cluster: most kinds have one.
func Of(object any) ([]*Workload, error) {
	d, err := InObject(object)
	return d.Workloads, err
}

// InObject is what is in an object of a cluster, as a document without text.
func InObject(object any) (Document, error) {
	fields, ok := object.(map[string]any)
	if !ok {
		text, err := json.Marshal(object)
		if err != nil {
			return Document{}, err
		}
		if err := json.Unmarshal(text, &fields); err != nil {
			return Document{}, err
		}
	}
	d := Document{Object: fields}
	d.find(fields, nil, nil)
	return d, nil
}

// Owners are the objects that the workload belongs to.
func (w *Workload) Owners() []metav1.OwnerReference {
	var meta metav1.ObjectMeta
	_ = into(w.Object["metadata"], &meta) // what cannot be read is no owner
	return meta.OwnerReferences
}
