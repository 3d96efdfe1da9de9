package manifests

import (
	"bytes"
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// A Chart is one of Helm that says for which versions of Kubernetes it is.
type Chart struct {
	// File is its Chart.yaml, KubeVersion what that says.
	File, KubeVersion string
	// Minor is the lowest version that it allows, or the highest where it allows all below: 27 of 1.27. 0 where it allows all,
	// or is not Understood.
	Minor      int
	Understood bool
	// Decides is set where its templates ask for the version of the cluster: what they render for another one differs.
	Decides bool
}

// Charts are those that names stand in: folders with a Chart.yaml beside templates, and files beside one.
func Charts(names []string) []Chart {
	var out []Chart
	seen := map[string]bool{}
	for _, name := range names {
		dir := name
		if info, err := os.Stat(name); name == "-" || err != nil {
			continue
		} else if !info.IsDir() {
			dir = filepath.Dir(name)
		}
		if dir = filepath.Clean(dir); seen[dir] {
			continue
		}
		seen[dir] = true
		if c, ok := chartIn(dir); ok {
			out = append(out, c)
		}
	}
	return out
}

// chartIn is the chart in a folder; ok is false where there is none, or it does not say for which versions it is.
func chartIn(dir string) (c Chart, ok bool) {
	file, templates := filepath.Join(dir, "Chart.yaml"), filepath.Join(dir, "templates")
	text, err := os.ReadFile(file)
	if info, missing := os.Stat(templates); err != nil || missing != nil || !info.IsDir() {
		return c, false
	}
	var says struct {
		KubeVersion string `json:"kubeVersion"`
	}
	if yaml.Unmarshal(text, &says) != nil || says.KubeVersion == "" {
		return c, false
	}
	c = Chart{File: shown(file), KubeVersion: says.KubeVersion, Decides: asksVersion(templates)}
	c.Minor, c.Understood = minorOf(says.KubeVersion)
	return c, true
}

// asksVersion reports whether a template looks at the version of the cluster; one that cannot be read may.
func asksVersion(dir string) bool {
	found := false
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if found = bytes.Contains(text, []byte("KubeVersion")); found {
			return fs.SkipAll
		}
		return err
	})
	return found || err != nil
}

var (
	// compared is a part of a constraint on versions as Helm reads it (Masterminds/semver).
	compared = pattern.New(`^\s*(=|!=|<=|>=|=<|=>|<|>|~|~>|\^)?\s*v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(-[\w.-]+)?(?:\+[\w.-]+)?\s*,?`)
	// between is from one version to another.
	between = pattern.New(`(\S+)\s+-\s+(\S+)`)
)

// Most that are tried: minor versions there may ever be, and patch versions of one.
const (
	mostMinors  = 100
	mostPatches = 60
)

// minorOf is the lowest minor version of Kubernetes 1 that a constraint allows, or the highest where it allows all below; 0
// for one that allows all. It is not understood if it allows none.
func minorOf(constraint string) (minor int, understood bool) {
	var either [][]comparison
	for part := range strings.SplitSeq(constraint, "||") {
		all, ok := comparisons(between.ReplaceAllString(part, ">=$1 <=$2"))
		if !ok {
			return 0, false
		}
		either = append(either, all)
	}
	lowest, highest := 0, 0
	for minor := 1; minor < mostMinors; minor++ {
		if slices.ContainsFunc(either, func(all []comparison) bool { return allowed(all, minor) }) {
			highest = minor
			lowest = cmp.Or(lowest, minor)
		}
	}
	switch {
	case lowest > 1:
		return lowest, true
	case highest < mostMinors-1:
		return highest, highest > 0
	}
	return 0, true
}

// allowed reports whether a release of a minor version is allowed by all of some comparisons.
func allowed(all []comparison, minor int) bool {
	for patch := range mostPatches {
		if !slices.ContainsFunc(all, func(c comparison) bool { return !c.allows([3]int{1, minor, patch}) }) {
			return true
		}
	}
	return false
}

// A comparison is one of a constraint: with the first numbers of a version, as many as it has.
type comparison struct {
	operator string
	version  []int
	suffixed bool
}

func comparisons(text string) (out []comparison, ok bool) {
	for strings.TrimSpace(text) != "" {
		m := compared.FindStringSubmatch(text)
		if m == nil {
			return nil, false
		}
		c := comparison{operator: m[1], suffixed: m[5] != ""}
		for _, number := range m[2:5] {
			n, err := strconv.Atoi(number)
			if err != nil {
				break // any
			}
			c.version = append(c.version, n)
		}
		out, text = append(out, c), text[len(m[0]):]
	}
	return out, len(out) > 0
}

// allows compares a release. A version with a suffix is a little older than the release of the same numbers.
func (c comparison) allows(v [3]int) bool {
	order := slices.Compare(v[:len(c.version)], c.version)
	if order == 0 && c.suffixed {
		order = 1
	}
	switch c.operator {
	case "<":
		return order < 0
	case "<=", "=<":
		return order <= 0
	case ">":
		return order > 0
	case ">=", "=>":
		return order >= 0
	case "!=":
		return order != 0
	case "^":
		return order >= 0 && (len(c.version) == 0 || v[0] == c.version[0])
	case "~", "~>":
		return order >= 0 && slices.Equal(v[:min(2, len(c.version))], c.version[:min(2, len(c.version))])
	}
	return order == 0
}
