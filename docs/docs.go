// Package docs holds the pages that `kubectl sidecar explain` prints.
package docs

import (
	"embed"
	"path"
	"strings"
)

//go:embed checks/*.md
var pages embed.FS

// Page is the page of a check, as Markdown; ok is false when there is none of that id.
func Page(id string) (text string, ok bool) {
	b, err := pages.ReadFile("checks/" + id + ".md")
	return string(b), err == nil
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
