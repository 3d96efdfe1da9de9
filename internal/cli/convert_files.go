package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/dumps"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/kustomize"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/manifests"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/convert"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/plan"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A manifest is a file with what becomes of it.
type manifest struct {
	name          string
	before, after []byte
	documents     []workload.Document
	skipped       error // why it was not read
	done          []done
}

// done is what became of one workload.
type done struct {
	*convert.Plan
	result  *edit.Result
	refusal *edit.Refusal
	// missed are the patches that keep it from being converted.
	missed error
	// blocks are what keeps native sidecars from running in the cluster, where it was asked.
	blocks []plan.Block
	// source is the file that it is written in, where that is not the one that was read.
	source string
}

func (d done) changed() bool { return d.result != nil }

// conversion is one run on files.
type conversion struct {
	o     *convertOptions
	files []*manifest
	// others are kustomizations and patches that change, too, by their absolute names.
	others kustomize.Files
	finder kustomize.Finder
	// tree is what -k names; nil without it.
	tree  *kustomize.Tree
	built []kustomize.Built
	// denied is why the API server does not admit what would become of a workload.
	denied map[*workload.Workload]error
}

func (o *convertOptions) convertFiles(ctx context.Context) error {
	c := &conversion{o: o}
	if err := c.read(ctx); err != nil {
		return err
	}
	if err := c.unknownContainers(); err != nil {
		return err
	}
	if err := c.convertAll(ctx); err != nil {
		return err
	}
	if !o.verify {
		return c.finish()
	}
	if err := c.verify(ctx); err != nil {
		return err
	}
	if err := c.convertAll(ctx); err != nil { // again, without what was refused
		return err
	}
	return c.finish()
}

// convertAll converts all workloads, apart from those that the API server has refused.
func (c *conversion) convertAll(ctx context.Context) error {
	all := c.documents()
	c.others = kustomize.Files{}
	if c.tree != nil {
		return c.convertBuilt(ctx)
	}
	for _, f := range c.files {
		f.after, f.done = f.before, nil
		if f.name != "-" && c.finder.IsPatch(realName(f.name)) {
			continue // it changes with what it patches
		}
		for _, d := range f.documents {
			for _, w := range d.Workloads {
				if err := exitWith(ctx, report.ExitOK); err != nil {
					return err
				}
				p := convert.Of(w, c.o.plan())
				p.Rendered(&d)
				p.References(all)
				c.convert(f, p)
			}
		}
	}
	c.gather()
	return nil
}

// gather has the patches and kustomizations that are among the files, too, change there.
func (c *conversion) gather() {
	for _, f := range c.files {
		name := realName(f.name)
		if data, changed := c.others[name]; changed && f.name != "-" {
			f.after = data
			delete(c.others, name)
		}
	}
}

// read reads and parses the files. Templates are named, and skipped.
func (c *conversion) read(ctx context.Context) error {
	if c.o.kustomize != "" {
		return c.build()
	}
	names, err := manifests.Options{Names: c.o.files, Recursive: c.o.recursive}.Files()
	var bad *manifests.NameError
	if errors.As(err, &bad) {
		return couldNotRun(nameHint(bad), err)
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := readInput(ctx, c.o.streams.In, name, "name manifests, folders, or - for stdin")
		if err != nil {
			return err
		}
		f := &manifest{name: name, before: data, after: data}
		if dumps.Packed(data) {
			f.skipped = errors.New("it is packed: unpack it first, since what is in it cannot be changed")
			c.files = append(c.files, f)
			continue
		}
		documents, err := workload.Parse(display(name), data)
		if f.documents = documents; err != nil {
			f.documents, f.skipped = nil, err
		} else if len(bytes.TrimSpace(data)) == 0 {
			f.skipped = errors.New("there is nothing in it: what was to write it may have failed")
		}
		c.files = append(c.files, f)
	}
	return nil
}

func (c *conversion) documents() []workload.Document {
	var out []workload.Document
	for _, f := range c.files {
		out = append(out, f.documents...)
	}
	return out
}

// containers are the names of all containers that there are.
func (c *conversion) containers() []string {
	var out []string
	for _, w := range c.workloads() {
		out = append(out, containersOf(w)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (c *conversion) workloads() []*workload.Workload {
	var out []*workload.Workload
	for _, d := range c.documents() {
		out = append(out, d.Workloads...)
	}
	return out
}

func containersOf(w *workload.Workload) []string {
	return append(namesOf(w.Spec().Containers), namesOf(w.Spec().InitContainers)...)
}

// has reports whether a name of -c means a container of any workload.
func (c *conversion) has(name string) bool {
	return slices.ContainsFunc(c.workloads(), func(w *workload.Workload) bool {
		return slices.Contains(containersOf(w), w.Meant(name))
	})
}

// nameOf is what -c calls a container of a workload.
func (c *conversion) nameOf(w *workload.Workload, container string) string {
	return w.NameBeside(slices.DeleteFunc(c.workloads(), func(o *workload.Workload) bool { return !slices.Contains(containersOf(o), container) }), container)
}

// convert changes one workload in the text of its file, or says why not.
func (c *conversion) convert(f *manifest, p *convert.Plan) {
	d := done{Plan: p}
	defer func() {
		if p.Says() {
			f.done = append(f.done, d)
		}
	}()
	if !p.Changes() {
		return
	}
	if d.missed = c.denied[p.Workload]; d.missed != nil {
		d.refusal = &edit.Refusal{Reason: edit.Unproven}
		return
	}
	result, err := edit.Apply(f.after, p.Whole())
	if err != nil {
		if !errors.As(err, &d.refusal) {
			d.refusal = &edit.Refusal{Reason: edit.Unproven, About: err.Error()}
		}
		return
	}
	if d.missed = c.around(f, p, result); d.missed != nil {
		d.refusal = &edit.Refusal{Reason: edit.Unproven, Patch: result.Patch}
		return
	}
	d.result, f.after = result, result.Data
}

// around looks after the kustomizations around a file.
func (c *conversion) around(f *manifest, p *convert.Plan, result *edit.Result) error {
	switch {
	case f.name == "-" || len(p.Workload.Root) > 0:
		return nil
	case p.Rewraps():
		return c.mentioned(f, p)
	case p.Relocates():
		return c.overlays(f, p, result)
	}
	return nil
}

// overlays changes the patches that name a container where it no longer is, and proves that every kustomization makes
// the same of it apart from the move. Nothing is kept if one does not.
func (c *conversion) overlays(f *manifest, p *convert.Plan, result *edit.Result) error {
	around, err := c.finder.Around(f.name)
	if err != nil {
		return err
	}
	m, err := movedOf(p)
	if err != nil {
		return err
	}
	before := c.changedFiles()
	name, files := realName(f.name), before.Clone()
	files[name] = result.Data
	seen := kustomize.Seen{}
	for _, k := range around {
		if m.OnlyMoves() && k.OnlyCollects() || k.IsComponent() {
			continue
		}
		if err := files.Rewrite(m, seen.New(k.AllMentions(m))); err != nil {
			return fmt.Errorf("%w would miss it: name the container there, in a strategic merge patch, and convert again", err)
		}
		if err := k.Prove(before, files, []*kustomize.Moved{m}); err != nil {
			return fmt.Errorf("%s: %w", k.File, err)
		}
	}
	for other, data := range files {
		if !bytes.Equal(before[other], data) && other != name {
			c.others[other] = data
		}
	}
	return nil
}

// changedFiles are all texts that differ from what is on disk, so far.
func (c *conversion) changedFiles() kustomize.Files {
	files := c.others.Clone()
	for _, other := range c.files {
		if !bytes.Equal(other.before, other.after) {
			files[realName(other.name)] = other.after
		}
	}
	return files
}

// realName is the absolute name of a file, without links.
func realName(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		name = abs
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	return name
}

// movedOf is the move as kustomizations see it.
func movedOf(p *convert.Plan) (*kustomize.Moved, error) {
	m := &kustomize.Moved{Kind: p.Workload.Kind, Name: p.Workload.Name, Way: p.Workload.Way, Moves: p.Change.Moves, Sets: p.Change.Sets, Drops: p.Change.Drops}
	for _, move := range p.Moves {
		m.Containers = append(m.Containers, move.Container)
	}
	after, err := edit.Values(map[string]any(p.Workload.Object), edit.Change{Way: p.Workload.Way, Moves: p.Change.Moves})
	if err != nil {
		return nil, err
	}
	m.Before, m.After = kustomize.SpecOf(p.Workload.Object, m.Way), kustomize.SpecOf(after, m.Way)
	return m, nil
}
