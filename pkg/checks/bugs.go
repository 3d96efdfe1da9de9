package checks

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
)

// A bug is one of released versions of a component that hurts pods with native sidecars.
type bug struct {
	// since is the first minor version that has it.
	since int
	// fixed are the first versions without it, oldest first: patches of older minor versions, and
	// last the minor version from which on it is gone for good. A minor version in between that is
	// not listed was never repaired.
	fixed []string
	// text is what happens, ref the pull request that says so.
	text, ref string
}

// in reports whether version v has the bug.
func (b bug) in(v *version.Version) bool {
	if minor(v) < b.since {
		return false
	}
	for _, f := range b.fixed {
		if fix := version.MustParseGeneric(f); minor(fix) == minor(v) && v.AtLeast(fix) {
			return false
		}
	}
	return v.LessThan(b.gone())
}

// gone is the minor version from which on nothing has the bug.
func (b bug) gone() *version.Version { return version.MustParseGeneric(b.fixed[len(b.fixed)-1]) }

// first is the oldest version that was repaired.
func (b bug) first() *version.Version { return version.MustParseGeneric(b.fixed[0]) }

func bugsIn(table []bug, v *version.Version) []bug {
	return slices.DeleteFunc(slices.Clone(table), func(b bug) bool { return !b.in(v) })
}

// described is bugs as evidence.
func described(bugs []bug) []string {
	var out []string
	for _, b := range bugs {
		out = append(out, fmt.Sprintf("%s (%s; fixed in %s)", b.text, b.ref, strings.Join(b.fixed, ", ")))
	}
	return out
}

// firstWithout is the oldest version after v that has no bug of the table.
func firstWithout(table []bug, v *version.Version) string {
	var candidates []*version.Version
	for _, b := range table {
		for _, f := range b.fixed {
			candidates = append(candidates, version.MustParseGeneric(f))
		}
	}
	slices.SortFunc(candidates, func(a, b *version.Version) int {
		if a.LessThan(b) {
			return -1
		}
		return 1
	})
	for _, c := range candidates {
		if v.LessThan(c) && len(bugsIn(table, c)) == 0 {
			return c.String()
		}
	}
	return candidates[len(candidates)-1].String()
}
