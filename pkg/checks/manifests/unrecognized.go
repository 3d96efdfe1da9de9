package manifests

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/workload"
)

// unrecognized are the gaps of objects with containers that nobody judged: one for each object.
func (in Input) unrecognized() []facts.Gap {
	out := unrecognizedGaps(in.LiveUnrecognized)
	for d := range in.documents() {
		out = append(out, unrecognizedGaps(d.Unrecognized)...)
	}
	return out
}

func unrecognizedGaps(all []workload.Unrecognized) []facts.Gap {
	var out []facts.Gap
	for len(all) > 0 {
		first := all[0]
		n := slices.IndexFunc(all, func(u workload.Unrecognized) bool { return !sameObject(u, first) })
		if n < 0 {
			n = len(all)
		}
		out = append(out, unrecognizedGap(all[:n]))
		all = all[n:]
	}
	return out
}

func sameObject(a, b workload.Unrecognized) bool {
	return a.APIVersion == b.APIVersion && a.Kind == b.Kind && a.Namespace == b.Namespace && a.Name == b.Name &&
		a.Place.File == b.Place.File && a.Place.Document == b.Place.Document
}

// unrecognizedGap says where the lists of one object are.
func unrecognizedGap(lists []workload.Unrecognized) facts.Gap {
	u := lists[0]
	lists = slices.Clone(lists)
	slices.SortStableFunc(lists, func(a, b workload.Unrecognized) int {
		return cmp.Or(cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Place.Column, b.Place.Column))
	})
	var at []string
	for _, l := range lists {
		text := strings.Join(l.Way, ".")
		if l.Place.Line > 0 {
			text = l.Place.String() + ": " + text
		}
		at = append(at, text)
	}
	if missing := u.Missing(); missing != "" {
		return facts.NewGap(facts.Workloads, facts.Instance{Kind: u.Kind, Namespace: u.Namespace, Name: u.Name},
			fmt.Sprintf("containers at %s were not judged: without %s nobody knows what they are part of", prose.Some(at, 5), missing),
			facts.Do("write the field: the API server rejects the object without it"))
	}
	return facts.NewGap(facts.Workloads, facts.Instance{Kind: u.Kind, Namespace: u.Namespace, Name: u.Name},
		fmt.Sprintf("containers at %s were not judged: %s of %s is not known to have a pod template there", prose.Some(at, 5), u.Kind, u.APIVersion),
		facts.Do("lint the workload that its controller makes of it, and leave the object out"))
}
