package manifests

import (
	"bytes"
	"cmp"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/Masterminds/semver/v3"
	"sigs.k8s.io/yaml"
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

// Most that are tried: minor versions there may ever be, and patch versions of one.
const (
	mostMinors  = 100
	mostPatches = 60
)

// minorOf is the lowest minor version of Kubernetes 1 that a constraint allows, as Helm reads it, or the highest where it
// allows all below; 0 for one that allows all. It is not understood if it allows none.
func minorOf(constraint string) (minor int, understood bool) {
	c, err := semver.NewConstraint(constraint)
	if err != nil {
		return 0, false
	}
	var lowest, highest int
	for minor := 1; minor < mostMinors; minor++ {
		if allowed(c, minor) {
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

// allowed reports whether a release of a minor version is.
func allowed(c *semver.Constraints, minor int) bool {
	for patch := range uint64(mostPatches) {
		if c.Check(semver.New(1, uint64(minor), patch, "", "")) {
			return true
		}
	}
	return false
}
