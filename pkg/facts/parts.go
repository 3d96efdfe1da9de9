package facts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	kjson "sigs.k8s.io/json"
)

// Parts reads one snapshot from several texts, such as the files of a dump. An object that is in several of them
// counts once, as it is in the first.
type Parts struct {
	f file
	// known are the objects so far, with their resource versions.
	known map[objectKey]string
	// differ are the objects that are there again in another version.
	differ []string
}

type objectKey struct{ kind, namespace, name, uid string }

// NewParts is of no texts yet.
func NewParts() *Parts {
	p := &Parts{known: map[objectKey]string{}}
	p.f = file{snapshot: newSnapshot(), parts: p}
	return p
}

// Text is a text of a file in UTF-8, whatever wrote it; an error if it is none.
func Text(raw []byte) ([]byte, error) { return toUTF8(raw) }

// Add reads a text as [Read] does, and tells how many objects were in it, also where there is an error. A list that
// does not say of what it is, as some dumps have them, is one of kind, which may be zero.
func (p *Parts) Add(text []byte, kind metav1.TypeMeta) (objects int, err error) {
	before := p.f.objects
	err = p.add(text, kind)
	return p.f.objects - before, err
}

func (p *Parts) add(text []byte, kind metav1.TypeMeta) error {
	if len(text) > MaxFile {
		return fmt.Errorf("larger than %d MB, the most that is read", MaxFile>>20)
	}
	text, err := toUTF8(text)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return errors.New("the file is empty")
	}
	docs, err := documents(text, false)
	if err != nil {
		return err
	}
	for _, d := range docs {
		if err := p.addDocument(d, kind); err != nil {
			return fmt.Errorf("document %d (line %d): %w", d.number, d.line, err)
		}
	}
	if len(docs) == 0 {
		return ErrNothing
	}
	return nil
}

// addDocument adds a document, which may be a bare list.
func (p *Parts) addDocument(d document, kind metav1.TypeMeta) error {
	items := d.json
	if !bytes.HasPrefix(items, []byte("[")) {
		var h header
		if kind.Kind == "" || kjson.UnmarshalCaseSensitivePreserveInts(d.json, &h) != nil || h.Kind != "" || h.Items == nil {
			return p.f.add(d)
		}
		h.TypeMeta = kind
		return p.f.addObject(h, d.json)
	}
	if kind.Kind == "" {
		kind = metav1.TypeMeta{Kind: "List", APIVersion: "v1"}
	}
	h := header{TypeMeta: kind}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(items, &h.Items); err != nil || len(h.Items) == 0 && kind.Kind == "List" {
		return fmt.Errorf("%w, but plain text or a list", ErrNoObject)
	}
	return p.f.addObject(h, nil)
}

// again notes an object, and reports whether it was there before.
func (p *Parts) again(h header, raw []byte) bool {
	var o struct {
		Metadata struct{ Namespace, Name, UID, ResourceVersion string }
	}
	if p == nil || json.Unmarshal(raw, &o) != nil || o.Metadata.Name == "" {
		return false
	}
	key := objectKey{h.name(h.Kind), o.Metadata.Namespace, o.Metadata.Name, o.Metadata.UID}
	before, there := p.known[key]
	if !there {
		p.known[key] = o.Metadata.ResourceVersion
		return false
	}
	if before != o.Metadata.ResourceVersion {
		p.differ = append(p.differ, h.Kind+" "+strings.TrimPrefix(o.Metadata.Namespace+"/"+o.Metadata.Name, "/"))
	}
	return true
}

// Version adds what an API server said of its version.
func (p *Parts) Version(v *version.Info) {
	s := p.f.snapshot
	if s.ServerVersion == nil && !p.f.whole {
		s.ServerVersion = v
		p.f.see(APIServers)
	}
}

// Unread adds what is missing of a kind.
func (p *Parts) Unread(kind Kind, about Instance, reason string) {
	p.f.see(kind)
	p.f.snapshot.Gaps = append(p.f.snapshot.Gaps, NewGap(kind, about, reason, HowToGet(kind)))
}

// Differ are the objects that are there more than once, in different versions.
func (p *Parts) Differ() []string { return p.differ }

// Snapshot is what was read; an error if it is nothing.
func (p *Parts) Snapshot() (*Snapshot, error) { return p.f.finish() }

// Pods are those that were read so far.
func (p *Parts) Pods() []corev1.Pod { return p.f.snapshot.Pods }

// AddLogs adds logs of containers.
func (p *Parts) AddLogs(logs []ContainerLog) {
	if len(logs) > 0 {
		p.f.see(Logs)
		p.f.snapshot.Logs = append(p.f.snapshot.Logs, logs...)
	}
}

// KindOf is the kind of fact that objects of a kind are; false for objects that no check looks at.
func KindOf(t metav1.TypeMeta) (Kind, bool) {
	k, ok := known[header{TypeMeta: t}.name(t.Kind)]
	return k.kind, ok
}
