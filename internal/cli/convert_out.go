package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/kustomize"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/convert"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

func namesOf(containers []corev1.Container) []string {
	var out []string
	for _, c := range containers {
		out = append(out, c.Name)
	}
	return out
}

// finish prints or writes what was done, and says the rest on stderr.
func (c *conversion) finish() error {
	var out []byte
	var err error
	switch {
	case c.o.write:
		err = c.write()
	case c.o.output.value == "patch":
		out, err = c.patches()
	case c.o.output.value == "kustomize":
		out, err = c.component()
	case c.o.output.value == "yaml" && c.tree != nil:
		out, err = c.tree.Text(c.others)
	case c.o.output.value == "yaml":
		out = c.texts()
	default:
		out = c.diffs()
	}
	if err != nil {
		return err
	}
	if err := writeTo(c.o.streams.Out, out); err != nil {
		return err
	}
	changed, asked, refused := c.say()
	return c.o.conclude(changed, asked, refused)
}

// diffs are those of all files that change, in the order of their names behind those that were named.
func (c *conversion) diffs() []byte {
	var out []byte
	for _, f := range c.files {
		out = append(out, diffOf(display(f.name), f.before, f.after)...)
	}
	for _, name := range slices.Sorted(maps.Keys(c.others)) {
		if before, err := os.ReadFile(name); err == nil {
			out = append(out, diffOf(shortName(name), before, c.others[name])...)
		}
	}
	return out
}

// shortName is a name as the user would type it.
func shortName(name string) string {
	dir, err := os.Getwd()
	if err != nil {
		return name
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	if short, err := filepath.Rel(dir, name); err == nil && len(short) < len(name) {
		return short
	}
	return name
}

// texts are all files as they would be written.
func (c *conversion) texts() []byte {
	var out []byte
	for i, f := range c.files {
		if i > 0 {
			if len(out) > 0 && out[len(out)-1] != '\n' {
				out = append(out, '\n')
			}
			out = append(out, "---\n"...)
		}
		out = append(out, f.after...)
	}
	return out
}

// patches are JSON patches, each below the name of its object where there are several.
func (c *conversion) patches() ([]byte, error) {
	var out bytes.Buffer
	all := c.patched()
	for _, p := range all {
		if len(all) > 1 {
			fmt.Fprintf(&out, "# %s\n", p.title())
		}
		if err := writePatch(&out, p.patch); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

func writePatch(out *bytes.Buffer, ops []edit.Op) error {
	out.WriteString("[\n")
	for i, op := range ops {
		var line bytes.Buffer
		e := json.NewEncoder(&line)
		e.SetEscapeHTML(false)
		if err := e.Encode(op); err != nil {
			return fmt.Errorf("printing the patch: %w", err)
		}
		comma := ","
		if i == len(ops)-1 {
			comma = ""
		}
		fmt.Fprintf(out, "  %s%s\n", strings.TrimSuffix(line.String(), "\n"), comma)
	}
	out.WriteString("]\n")
	return nil
}

// patched is a workload with the patch of its object: what could not be written in its text is among them.
type patched struct {
	done
	patch []edit.Op
}

func (p patched) title() string { return p.Workload.String() }

func (c *conversion) patched() []patched {
	var out []patched
	for _, f := range c.files {
		for _, d := range f.done {
			if !d.Changes() {
				continue
			}
			ops, err := edit.Patch(d.Object(), objectChange(d.Plan))
			if err == nil {
				out = append(out, patched{d, ops})
			}
		}
	}
	return out
}

// objectChange is a change of the object itself, wherever it stands in a file.
func objectChange(p *convert.Plan) edit.Change { return rerooted(p.Whole(), len(p.Workload.Root)) }

// rerooted is a change that begins some keys further down.
func rerooted(c edit.Change, keys int) edit.Change {
	c.Document, c.Way = 0, c.Way[keys:]
	if c.Then != nil {
		then := rerooted(*c.Then, keys)
		c.Then = &then
	}
	return c
}

// component is a kustomize component with all patches.
func (c *conversion) component() ([]byte, error) {
	var objects []kustomize.Patched
	var last *workload.Workload
	for _, p := range c.patched() {
		w, before := p.Workload, any(p.Object())
		another := last != nil && sameObject(last, w) // several templates of one object, such as the tasks of a job
		if another {
			before = objects[len(objects)-1].Want
		}
		last = w
		want, err := edit.Values(before, objectChange(p.Plan))
		if err != nil {
			return nil, err
		}
		if w.Name == "" {
			return nil, couldNotRun("-o patch prints the patch alone", fmt.Errorf("%s has no name by which kustomize could find it", w.Kind))
		}
		if another {
			o := &objects[len(objects)-1]
			o.Want, o.Patch = want, append(o.Patch, p.patch...)
			continue
		}
		objects = append(objects, kustomize.Patched{
			APIVersion: w.APIVersion, Kind: w.Kind, Namespace: w.Namespace, Name: w.Name, Object: p.Object(), Want: want, Patch: p.patch,
		})
	}
	if len(objects) == 0 {
		return nil, nil
	}
	out, err := kustomize.Component(objects)
	if err != nil {
		return nil, &failure{err: fmt.Errorf("the component is not proven: %w", err), hint: "-o patch prints the patches", code: exitUnproven}
	}
	return out, nil
}

// sameObject reports whether two templates are of one object.
func sameObject(a, b *workload.Workload) bool {
	return a.Place.File == b.Place.File && a.Place.Document == b.Place.Document && slices.Equal(a.Root, b.Root)
}

// write changes the files: all of them are complete before the first is renamed.
func (c *conversion) write() error {
	texts := maps.Clone(map[string][]byte(c.others))
	for _, f := range c.files {
		if !bytes.Equal(f.before, f.after) {
			texts[f.name] = f.after
		}
	}
	var open []*target
	defer func() {
		for _, t := range open {
			t.discard()
		}
	}()
	names := slices.Sorted(maps.Keys(texts))
	for _, name := range names {
		t, err := newTarget(name, c.o.streams)
		if err != nil {
			return err
		}
		open = append(open, t)
	}
	for i, name := range names {
		if err := open[i].finish(texts[name]); err != nil {
			return err
		}
	}
	return nil
}
