package manifests

import (
	"slices"
	"sync"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// A rule is a check on manifests.
type rule struct {
	checks.Rule[*scene]
	// each is what it says of one pod template; nil where it looks at nothing but the whole input.
	each func(*pod) checks.Outcome
}

// plain are the rules without what they say of one pod template.
func plain() []checks.Rule[*scene] {
	var out []checks.Rule[*scene]
	for _, r := range rules() {
		out = append(out, r.Rule)
	}
	return out
}

// Settler returns a function that judges the pod templates of a file for themselves and keeps what was said of them, and what the report says of
// the file, instead of its text taken apart, which is a hundred times as much. [Judge] then gives the same answer. The
// input has everything but the files; skip is that of Judge.
//
// What depends on other files is not settled: with a cluster, where kustomize is involved, and where Services decide.
func (in Input) Settler(skip func(id string) bool) func(*File) {
	probes := new(sync.Map)
	return func(f *File) {
		if in.Cluster == nil && !f.Built && !f.Context && !f.Kustomization() {
			in.settle(f, skip, probes)
		}
	}
}

func (in Input) settle(f *File, skip func(id string) bool, probes *sync.Map) {
	in.Files = []File{*f}
	s := sceneOf(in)
	s.probes = probes
	if slices.ContainsFunc(s.pods, (*pod).needsServices) {
		return
	}
	f.answers = map[*workload.Workload][]answer{}
	f.services, f.Settled = s.services, true
	for _, p := range s.pods {
		said := []answer{}
		for _, r := range rules() {
			if r.each == nil || skip != nil && skip(r.ID) {
				continue
			}
			if out := r.each(p); len(out.Findings)+len(out.Missing) > 0 {
				said = append(said, answer{r.ID, out})
			}
		}
		f.answers[p.Workload] = slices.Clip(said)
		forget(p.Workload)
	}
	for i := range f.Documents {
		d := &f.Documents[i]
		d.Node, d.Object = nil, nil
	}
}

// An answer is what a check says of a pod template.
type answer struct {
	id string
	checks.Outcome
}

// forget leaves of a workload what a report says of it.
func forget(w *workload.Workload) {
	kept := workload.Workload{
		APIVersion: w.APIVersion, Kind: w.Kind, Namespace: w.Namespace, Name: w.Name, Place: w.Place,
		Way: w.Way, Known: w.Known, Unreadable: w.Unreadable, Template: workload.NoTemplate,
	}
	if facts.IgnoreOf(w.Annotations) != "" {
		kept.Annotations = w.Annotations
	}
	*w = kept
}

// Kustomization reports whether the file is one of kustomize's: what others are depends on it.
func (f *File) Kustomization() bool { return kustomizationIn(f) != nil }

// ofPods is what is said of each pod template, in their order.
func (s *scene) ofPods(id string, each func(*pod) checks.Outcome) checks.Outcome {
	var out checks.Outcome
	for _, p := range s.pods {
		if p.said == nil {
			said := each(p)
			out.Findings, out.Missing = append(out.Findings, said.Findings...), append(out.Missing, said.Missing...)
		}
		for _, a := range p.said {
			if a.id == id {
				out.Findings, out.Missing = append(out.Findings, a.Findings...), append(out.Missing, a.Missing...)
			}
		}
	}
	return out
}
