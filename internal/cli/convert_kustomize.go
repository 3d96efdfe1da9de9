package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/kustomize"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/convert"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/edit"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// build reads what the kustomization renders.
func (c *conversion) build() error {
	dir := c.o.kustomize
	tree, err := kustomize.Open(dir)
	if errors.Is(err, kustomize.ErrRemote) {
		return couldNotRun(fmt.Sprintf("kubectl kustomize %s | kubectl sidecar convert -o kustomize -f - prints a component to put on top", dir), err)
	}
	if err == nil {
		c.built, err = tree.Build(nil)
	}
	if err != nil {
		return couldNotRun("see what is wrong with: kubectl kustomize "+dir, fmt.Errorf("building %s: %w", dir, err))
	}
	c.tree = tree
	f := &manifest{name: filepath.Join(dir, "(built)")}
	for _, b := range c.built {
		workloads, err := workload.Of(b.Object)
		if err != nil {
			return err
		}
		f.documents = append(f.documents, workload.Document{Object: b.Object, Workloads: workloads})
	}
	c.files = []*manifest{f}
	return nil
}

// printsPatch reports whether a patch of what is rendered is wanted: no file changes then.
func (o *convertOptions) printsPatch() bool {
	return o.output.value == "patch" || o.output.value == "kustomize"
}

// A rendering is an object that was built, with what is to become of it and the file that it comes from.
type rendering struct {
	done
	built int
	from  kustomize.Source
}

// convertBuilt judges what was built, and changes what it was built from. What is built of one manifest has to become
// the same.
func (c *conversion) convertBuilt(ctx context.Context) error {
	f := c.files[0]
	f.done = nil
	var all []*rendering
	together := map[string][]*rendering{}
	var order []string
	for i, d := range f.documents {
		for _, w := range d.Workloads {
			if err := exitWith(ctx, report.ExitOK); err != nil {
				return err
			}
			p := convert.Of(w, c.o.plan())
			p.References(f.documents)
			if !p.Says() {
				continue
			}
			r := &rendering{done: done{Plan: p}, built: i}
			all = append(all, r)
			c.trace(r)
			if !p.Changes() || r.refusal != nil || r.from.Workload == nil {
				continue
			}
			key := fmt.Sprint(r.from.File, "#", r.from.Place.Document, r.from.Root)
			if together[key] == nil {
				order = append(order, key)
			}
			together[key] = append(together[key], r)
		}
	}
	for _, key := range order {
		if !c.o.printsPatch() {
			c.changeSource(together[key])
		}
	}
	for _, r := range all {
		f.done = append(f.done, r.done)
	}
	return nil
}

// trace finds the manifest of what was built, and where its containers are in it.
func (c *conversion) trace(r *rendering) {
	source, err := c.tree.Source(c.built[r.built], nil)
	if err == nil && len(r.Workload.Root) > 0 {
		err = errors.New("it is in a list")
	}
	if r.Rewraps() && !c.o.printsPatch() {
		err = errTakenBack
	}
	if denied := c.denied[r.Workload]; denied != nil {
		err = denied
	}
	if c.o.printsPatch() && c.denied[r.Workload] == nil {
		r.result = &edit.Result{} // of what is rendered, wherever that comes from
		if err != nil {
			return
		}
	}
	if err != nil {
		r.refuse(err)
		return
	}
	r.from = source
	r.place(func(container string) workload.Place {
		for i, list := range [][]string{namesOf(source.Spec().Containers), namesOf(source.Spec().InitContainers)} {
			if at := slices.Index(list, container); at >= 0 {
				return shortPlace(source.AtContainer(i == 1, at))
			}
		}
		return shortPlace(source.Workload.Place)
	})
}

// place puts into a plan where its containers are.
func (r *rendering) place(of func(container string) workload.Place) {
	for i, m := range r.Moves {
		r.Moves[i].Place = of(m.Container)
	}
	for i, a := range r.Asks {
		r.Asks[i].Place = of(a.Container)
	}
	for i, x := range r.Refused {
		r.Refused[i].Place = of(x.Container)
	}
}

func shortPlace(p workload.Place) workload.Place {
	p.File = shortName(p.File)
	return p
}

// refuse leaves everything as it is, and says what a patch would do.
func (r *rendering) refuse(why error) {
	r.missed = why
	if !errors.As(why, &r.refusal) {
		r.refusal = &edit.Refusal{Reason: edit.Unproven}
	} else {
		r.missed = fmt.Errorf("%s: %s", shortName(r.from.File), refusalText(r.refusal))
	}
	if !r.Changes() {
		r.refusal = nil
		return
	}
	patch, err := edit.Patch(r.Object(), objectChange(r.Plan))
	if err == nil {
		r.refusal = &edit.Refusal{Reason: r.refusal.Reason, Patch: patch}
	}
}

// changeSource changes one manifest and what patches it, or says why not.
func (c *conversion) changeSource(list []*rendering) {
	var wanted []kustomize.Wanted
	for _, r := range list {
		wanted = append(wanted, kustomize.Wanted{Built: r.built, Change: objectChange(r.Plan)})
	}
	files, err := c.tree.Apply(&c.finder, c.others, list[0].from, wanted)
	if err != nil {
		for _, r := range list {
			r.refuse(err)
		}
		return
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if string(files[name]) != string(c.others[name]) {
			names = append(names, shortName(name))
		}
	}
	c.others = files
	for _, r := range list {
		r.result, r.source = &edit.Result{}, strings.Join(names, ", ")
	}
}
