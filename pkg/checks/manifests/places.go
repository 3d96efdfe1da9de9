package manifests

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/roles"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// place is where a field of the pod spec stands: for what kustomize built, in the file that the workload is from, with
// containers found by their names.
func (p *pod) place(path ...string) checks.Place {
	switch {
	case !p.built:
		return placeOf(p.At(path...))
	case p.source == nil:
		return checks.Place{File: p.Place.File}
	case len(path) < 2 || path[0] != "containers" && path[0] != "initContainers":
		return placeOf(p.source.At(path...))
	}
	n, err := strconv.Atoi(path[1])
	name := workload.ContainerAt(p.Spec(), path[0], n)
	if err != nil || name == "" {
		return placeOf(p.source.Place)
	}
	for _, c := range podOf(p.s, p.source).all() {
		if c.Name == name {
			return placeOf(p.source.At(append([]string{c.list(), strconv.Itoa(c.index)}, path[2:]...)...))
		}
	}
	return placeOf(p.source.Place) // a patch has added it
}

// placeIn is where evidence stands.
func (p *pod) placeIn(e roles.Evidence) checks.Place {
	if !p.built || len(e.Path) == 0 || e.Path[0] == "metadata" {
		return placeOf(e.Place)
	}
	return p.place(e.Path...)
}

// sourceOf is the workload that kustomize built one from: the only one of its kind whose name is in its name, which may
// have got a prefix and a suffix.
func (in Input) sourceOf(w *workload.Workload) *workload.Workload {
	var found []*workload.Workload
	patches := in.patches()
	for _, f := range in.Files {
		if f.Built || patches[f.Name] {
			continue
		}
		for _, d := range f.Documents {
			for _, o := range d.Workloads {
				if o.Kind == w.Kind && o.Name != "" && strings.Contains(w.Name, o.Name) && slices.Equal(o.Way, w.Way) {
					found = append(found, o)
				}
			}
		}
	}
	if exact := slices.DeleteFunc(slices.Clone(found), func(o *workload.Workload) bool { return o.Name != w.Name }); len(exact) > 0 {
		found = exact
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}
