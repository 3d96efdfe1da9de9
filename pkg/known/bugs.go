package known

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
)

// A Bug is one of released versions of a component of Kubernetes that hurts pods with native sidecars; see the
// head of bugs.yaml.
type Bug struct {
	// Component is kubelet, kube-scheduler or kube-controller-manager.
	Component string `json:"component"`
	// Ref is the pull request that repaired it. It tells bugs apart.
	Ref string `json:"ref"`
	// Since is the first minor version of 1 that has it.
	Since int      `json:"since"`
	Fixed []string `json:"fixed"`
	// Text is what happens.
	Text    string   `json:"text"`
	Sources []Source `json:"sources"`
}

// Bugs are the known ones of a component, the oldest first.
func Bugs(component string) []Bug {
	return slices.DeleteFunc(slices.Clone(bugs()), func(b Bug) bool { return b.Component != component })
}

// In reports whether version v of the component has the bug.
func (b Bug) In(v *version.Version) bool {
	if int(v.Minor()) < b.Since {
		return false
	}
	for _, f := range b.Fixed {
		if fix := version.MustParseGeneric(f); fix.Minor() == v.Minor() && v.AtLeast(fix) {
			return false
		}
	}
	return v.LessThan(b.Gone())
}

// Versions says in words which versions have the bug: "1.29.0 to 1.29.7, 1.30.0 to 1.30.3".
func (b Bug) Versions() string {
	last := map[uint]uint{} // the first good patch of a minor version
	for _, f := range b.Fixed {
		fix := version.MustParseGeneric(f)
		last[fix.Minor()] = fix.Patch()
	}
	var out []string
	for minor := uint(b.Since); minor < b.Gone().Minor(); minor++ { //nolint:gosec // small
		patch, repaired := last[minor]
		switch {
		case !repaired:
			out = append(out, fmt.Sprintf("1.%d", minor))
		case patch > 0:
			out = append(out, fmt.Sprintf("1.%d.0 to 1.%d.%d", minor, minor, patch-1))
		}
	}
	return strings.Join(out, ", ")
}

// Gone is the minor version from which on nothing has the bug.
func (b Bug) Gone() *version.Version { return version.MustParseGeneric(b.Fixed[len(b.Fixed)-1]) }

// FirstFixed is the oldest version that was repaired.
func (b Bug) FirstFixed() *version.Version { return version.MustParseGeneric(b.Fixed[0]) }

// BugsIn are those of list that version v has.
func BugsIn(list []Bug, v *version.Version) []Bug {
	return slices.DeleteFunc(slices.Clone(list), func(b Bug) bool { return !b.In(v) })
}

// FirstWithout is the oldest version after v that has no bug of the list.
func FirstWithout(list []Bug, v *version.Version) string {
	var candidates []*version.Version
	for _, b := range list {
		for _, f := range b.Fixed {
			candidates = append(candidates, version.MustParseGeneric(f))
		}
	}
	slices.SortFunc(candidates, byVersion)
	for _, c := range candidates {
		if v.LessThan(c) && len(BugsIn(list, c)) == 0 {
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
