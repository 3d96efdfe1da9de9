// Package prose is what sentences and commands are made with: counts, lists, paragraphs, words for a shell.
// It knows text only.
package prose

import (
	"slices"
	"strings"
)

// AddOnce appends s to list unless it is in it.
func AddOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// Indent sets commands and snippets off from prose.
func Indent(s string) string { return IndentBy(s, "  ") }

// IndentBy puts by before each line.
func IndentBy(s, by string) string { return by + strings.ReplaceAll(s, "\n", "\n"+by) }

// Paragraphs joins the parts of a fix that are not empty.
func Paragraphs(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "\n\n")
}

// Clause is a text as the end of a message, without a period.
func Clause(s string) string { return strings.TrimRight(OneLine(s), ". ") }

// OrNone is s, or "none" where it is empty.
func OrNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
