// Package docs holds the pages that `kubectl sidecar explain` prints.
package docs

import (
	"embed"
	"path"
	"slices"
	"strings"
)

//go:embed checks/*.md not-ready.md
var pages embed.FS

// Page is the page of a check, as Markdown; ok is false when there is none of that id.
func Page(id string) (text string, ok bool) {
	b, err := pages.ReadFile("checks/" + id + ".md")
	return string(b), err == nil
}

// Guides are the pages that are not about one check.
var Guides = []string{"not-ready"}

// Guide is one of Guides, as Markdown without what runs its examples; ok is false when there is none of that name.
func Guide(name string) (text string, ok bool) {
	if !slices.Contains(Guides, name) {
		return "", false
	}
	b, err := pages.ReadFile(name + ".md")
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "<!--") {
			out.WriteString(line)
		}
	}
	return out.String(), err == nil
}

// IDs lists the checks that have a page, sorted.
func IDs() []string {
	entries, err := pages.ReadDir("checks")
	if err != nil {
		return nil // cannot be: the folder is embedded
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(path.Base(e.Name()), ".md"))
	}
	return out
}
