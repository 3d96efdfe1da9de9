package cluster

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/gate"
)

// A bug is one of released versions of a component that hurts pods with native sidecars.
type bug struct {
	// since is the first minor version that has it.
	since int
	// fixed are the first versions without it, oldest first: patches of older minor versions, and
	// last the minor version from which on it is gone for good. A minor version in between that is
	// not listed was never repaired.
	Fixed []string
	// text is what happens, ref the pull request that says so.
	Text, Ref string
}

// In reports whether version v has the bug.
func (b bug) In(v *version.Version) bool {
	if gate.Minor(v) < b.since {
		return false
	}
	for _, f := range b.Fixed {
		if fix := version.MustParseGeneric(f); gate.Minor(fix) == gate.Minor(v) && v.AtLeast(fix) {
			return false
		}
	}
	return v.LessThan(b.gone())
}

// gone is the minor version from which on nothing has the bug.
func (b bug) gone() *version.Version { return version.MustParseGeneric(b.Fixed[len(b.Fixed)-1]) }

// first is the oldest version that was repaired.
func (b bug) first() *version.Version { return version.MustParseGeneric(b.Fixed[0]) }

func bugsIn(table []bug, v *version.Version) []bug {
	return slices.DeleteFunc(slices.Clone(table), func(b bug) bool { return !b.In(v) })
}

// described is bugs as evidence.
func described(bugs []bug) []string {
	var out []string
	for _, b := range bugs {
		out = append(out, fmt.Sprintf("%s (%s; fixed in %s)", b.Text, b.Ref, strings.Join(b.Fixed, ", ")))
	}
	return out
}

// FirstWithout is the oldest version after v that has no bug of the table.
func FirstWithout(table []bug, v *version.Version) string {
	var candidates []*version.Version
	for _, b := range table {
		for _, f := range b.Fixed {
			candidates = append(candidates, version.MustParseGeneric(f))
		}
	}
	slices.SortFunc(candidates, byVersion)
	for _, c := range candidates {
		if v.LessThan(c) && len(bugsIn(table, c)) == 0 {
			return c.String()
		}
	}
	return candidates[len(candidates)-1].String()
}

func byVersion(a, b *version.Version) int {
	switch {
	case a.LessThan(b):
		return -1
	case b.LessThan(a):
		return 1
	}
	return 0
}
