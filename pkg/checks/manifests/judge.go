// Package manifests has the checks on pod templates as they are written: in manifest files, before anything runs, or in
// the objects of a cluster.
package manifests

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// Newest is the minor version that manifests are judged for when nobody names one.
const Newest = 37

// An Input is what is judged.
type Input struct {
	Files []File
	// Live are workloads that do not come from a file, LiveUnrecognized what may have been some.
	Live             []*workload.Workload
	LiveUnrecognized []workload.Unrecognized
	// Minor is the version of Kubernetes that they are meant for: 31 of 1.31.
	Minor int
	// Named reports whether somebody has named it.
	Named bool
	// Cluster is the one that they are meant for: its versions, which may be older, and its CRDs; nil for none.
	Cluster *facts.Snapshot
	// Namespace is where what names none goes.
	Namespace string
	// Read is set where the workloads of the cluster were read, were there any or not.
	Read bool
	// Gaps are of what could not be read besides files.
	Gaps []facts.Gap
}

// Snapshot has what of the input the report is about: no facts, but what could not be read.
func (in Input) Snapshot() *facts.Snapshot {
	s := &facts.Snapshot{Gaps: slices.Clone(in.Gaps)}
	if c := in.Cluster; c != nil {
		s.Server, s.ServerVersion, s.TakenAt = c.Server, c.ServerVersion, c.TakenAt
	}
	if len(in.Files)+len(in.Live) > 0 || in.Read {
		s.Seen = []facts.Kind{facts.Workloads}
	}
	if in.Cluster != nil && in.Cluster.Has(facts.Canaries) {
		s.Seen = append(s.Seen, facts.Canaries)
	}
	s.Gaps = append(s.Gaps, in.ofFiles()...)
	for _, w := range in.Workloads() {
		if w.Unreadable != nil { // the rest of it was read
			s.Gaps = append(s.Gaps, facts.NewGap(facts.Workloads, facts.Instance{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name},
				strings.TrimPrefix(w.Unreadable.Error(), "json: "), facts.Do("correct the field: the API server rejects it, too")))
		}
	}
	s.Gaps = append(s.Gaps, in.unrecognized()...)
	return s
}

// ofFiles are the gaps of files of which nothing could be judged.
func (in Input) ofFiles() []facts.Gap {
	var out []facts.Gap
	templates, values, empty := 0, 0, 0
	for _, f := range in.Files {
		if f.Context {
			continue
		}
		if f.Err != nil {
			out = append(out, f.gap())
		}
		if f.Template {
			templates++
		}
		if f.onlyValues() {
			values++
		}
		if f.Empty {
			empty++
		}
	}
	if empty > 0 && empty == in.Judged() {
		out = append(out, facts.NewGap(facts.Workloads, facts.Instance{},
			"there is nothing in "+prose.Counted(empty, "file")+": what was to write it may have failed",
			facts.Do("run that command alone, and look at its exit code; in a script, set -o pipefail shows it")))
	}
	if templates+values > 0 && templates+values == len(in.Files) {
		what := prose.Counted(templates, "source of a template")
		switch {
		case templates == 0:
			what = prose.Counted(values, "file") + " without apiVersion and kind"
		case values > 0:
			what += ", and " + prose.Counted(values, "file") + " without apiVersion and kind"
		}
		out = append(out, facts.NewGap(facts.Workloads, facts.Instance{}, "there is nothing but "+what,
			facts.Do("render it first:", "helm template . | kubectl sidecar lint -f -")))
	}
	return out
}

// Judged is how many files are judged.
func (in Input) Judged() int {
	n := 0
	for _, f := range in.Files {
		if !f.Context {
			n++
		}
	}
	return n
}

// Workloads are those that are judged, in their order.
func (in Input) Workloads() []*workload.Workload {
	out := slices.Clone(in.Live)
	for d := range in.documents() {
		out = append(out, d.Workloads...)
	}
	return out
}

// documents are those that are judged: not patches, and not what was read only because others refer to it.
func (in Input) documents() iter.Seq[*workload.Document] {
	patches := in.patches()
	return func(yield func(*workload.Document) bool) {
		for _, f := range in.Files {
			if f.Context || patches[f.Name] {
				continue
			}
			for i := range f.Documents {
				if !yield(&f.Documents[i]) {
					return
				}
			}
		}
	}
}

// answers are those of all files that were settled.
func (in Input) answers() map[*workload.Workload][]answer {
	out := map[*workload.Workload][]answer{}
	for _, f := range in.Files {
		maps.Copy(out, f.answers)
	}
	return out
}

// Judge judges with all checks but those to skip, in their order. skip may be nil.
func Judge(in Input, skip func(id string) bool) []checks.Result {
	s := in.Snapshot()
	results := checks.Run(s, sceneOf(in), plain(), skip)
	for i := range results {
		if results[i].Skip {
			continue
		}
		missing := &results[i].Outcome.Missing
		for _, g := range s.Gaps { // a file that was not read may have anything in it
			concerns := g.Kind == facts.Workloads && g.Scope != "" || slices.Contains(results[i].Check.Uses, g.Kind)
			if concerns && !slices.Contains(*missing, g) {
				*missing = append(*missing, g)
			}
		}
	}
	return results
}
