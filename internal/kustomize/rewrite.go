package kustomize

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// Files are texts by their absolute names: those that differ from what is on disk.
type Files map[string][]byte

// Clone is a copy that changes apart.
func (f Files) Clone() Files {
	if f == nil {
		return Files{}
	}
	return maps.Clone(f)
}

func (f Files) read(name string) ([]byte, error) {
	if data, ok := f[name]; ok {
		return data, nil
	}
	return os.ReadFile(name)
}

// Seen are mentions that were rewritten: several kustomizations may share a patch.
type Seen map[string]bool

// New are those of mentions that were not seen before. They are from then on.
func (s Seen) New(mentions []Mention) []Mention {
	return slices.DeleteFunc(slices.Clone(mentions), func(at Mention) bool {
		key := fmt.Sprint(at.File, at.Path, at.Document, at.Op, at.Field)
		old := s[key]
		s[key] = true
		return old
	})
}

// Rewrite changes what is mentioned, so that it hits the container in its new place. The mention is an error if nobody
// knows how.
func (f Files) Rewrite(m *Moved, mentions []Mention) error {
	for _, at := range mentions {
		data, err := f.read(at.File)
		if err != nil {
			return err
		}
		if !at.Known {
			return fmt.Errorf("%s:%d: %s", at.File, at.line(data), at.Field)
		}
		where := data
		switch {
		case at.Replaces:
			data, err = at.replace(data)
		case len(at.Path) == 0:
			data, err = at.rewrite(m, data)
		default:
			data, err = at.inside(m, data)
		}
		if err != nil {
			return fmt.Errorf("%s:%d: %s: %w", at.File, at.line(where), at.Field, err)
		}
		f[at.File] = data
	}
	return nil
}

// line is the first line that says what is mentioned.
func (at Mention) line(data []byte) int {
	n := bytes.Index(data, []byte(at.Field))
	return 1 + bytes.Count(data[:max(n, 0)], []byte("\n"))
}

// replace changes the field path of a replacement.
func (at Mention) replace(data []byte) ([]byte, error) {
	change := edit.Change{}
	path := slices.Clone(at.Path)
	if _, err := strconv.Atoi(path[0]); err == nil { // a file with a list of them
		change.Way, path = path[:1], path[1:]
	}
	change.Sets = []edit.Set{{Path: path, Value: at.Instead}}
	result, err := edit.Apply(data, change)
	if err != nil {
		return nil, err
	}
	return result.Data, nil
}

// rewrite changes the text of a patch.
func (at Mention) rewrite(m *Moved, data []byte) ([]byte, error) {
	move := edit.Move{Container: at.Field, Plain: true}
	if i := slices.IndexFunc(m.Moves, func(m edit.Move) bool { return m.Container == at.Field }); at.Brings && i >= 0 {
		move = edit.Move{Container: at.Field, Probe: m.Moves[i].Probe, Partial: true}
	}
	change := edit.Change{Document: max(at.Document, 0), Way: m.Way, Moves: []edit.Move{move}}
	if at.Op >= 0 {
		change = edit.Change{Way: []string{strconv.Itoa(at.Op)}, Sets: []edit.Set{{Path: []string{"path"}, Value: at.Instead}}}
	}
	result, err := edit.Apply(data, change)
	if err != nil {
		return nil, err
	}
	return result.Data, nil
}

// inside changes a patch that is a text inside of a kustomization.
func (at Mention) inside(m *Moved, data []byte) ([]byte, error) {
	var root any
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, err
	}
	old, _ := workload.Descend(root, at.Path).(string)
	text, err := at.rewrite(m, []byte(old))
	if err != nil {
		return nil, err
	}
	result, err := edit.Apply(data, edit.Change{Sets: []edit.Set{{Path: slices.Clone(at.Path), Value: string(text)}}})
	if err != nil {
		return nil, err
	}
	return result.Data, nil
}
