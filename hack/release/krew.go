package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// template is the manifest in the sources: what changes with a release is filled in.
const template = "plugins/krew.yaml"

// writeKrew writes the manifest of this release, and the same as the layout of a krew index.
func (r *release) writeKrew(dist string) error {
	text, err := os.ReadFile(template)
	if err != nil {
		return err
	}
	manifest, err := r.fill(string(text), func(archive string) (string, error) { return sumOf(filepath.Join(dist, archive)) })
	if err != nil {
		return fmt.Errorf("fill in %s: %w", template, err)
	}
	index := filepath.Join(dist, "krew-index", "plugins")
	if err := os.MkdirAll(index, 0o755); err != nil {
		return err
	}
	for _, name := range []string{filepath.Join(dist, "sidecar.yaml"), filepath.Join(index, "sidecar.yaml")} {
		if err := os.WriteFile(name, []byte(manifest), 0o644); err != nil {
			return err
		}
	}
	return nil
}

var (
	versionLine = regexp.MustCompile(`^  version: \S+$`)
	uriLine     = regexp.MustCompile(`^(\s+uri: )\S+/(\S+)$`)
	sumLine     = regexp.MustCompile(`^(\s+sha256: )"[0-9a-f]{64}"$`)
)

// fill replaces the version, and URI and sum of every platform; it keeps the rest of the text, which
// was written to be read. Every platform must be in it once.
func (r *release) fill(text string, sum func(archive string) (string, error)) (string, error) {
	// The comment says that the sums are not filled in.
	_, text, ok := strings.Cut(text, "\napiVersion:")
	if !ok {
		return "", fmt.Errorf("no apiVersion")
	}
	lines := strings.Split("apiVersion:"+text, "\n")
	versions, archive, filled := 0, "", map[string]bool{}
	for i, line := range lines {
		switch {
		case versionLine.MatchString(line):
			lines[i] = "  version: " + r.version
			versions++
		case uriLine.MatchString(line):
			m := uriLine.FindStringSubmatch(line)
			archive = m[2]
			lines[i] = m[1] + r.url + "/" + r.version + "/" + archive
		case sumLine.MatchString(line):
			if filled[archive] {
				return "", fmt.Errorf("a second sum for %q", archive)
			}
			s, err := sum(archive)
			if err != nil {
				return "", err
			}
			lines[i] = sumLine.FindStringSubmatch(line)[1] + `"` + s + `"`
			filled[archive] = true
		}
	}
	for _, p := range r.platforms {
		if !filled[p.archive()] {
			return "", fmt.Errorf("%s is not in it", p.archive())
		}
	}
	if versions != 1 || len(filled) != len(r.platforms) {
		return "", fmt.Errorf("%d versions and %d platforms, instead of 1 and %d", versions, len(filled), len(r.platforms))
	}
	return strings.Join(lines, "\n"), nil
}
