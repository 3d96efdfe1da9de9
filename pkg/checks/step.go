package checks

import (
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
)

// A Step is one thing to do about a finding. Either part may be empty, not both.
type Step struct {
	// Text says what to do. It is prose: nothing in it is meant to be pasted.
	Text string `json:"text,omitempty"`
	// Command is what to paste, as it is: command lines for a shell, or the snippet that Text says where to
	// put.
	Command string `json:"command,omitempty"`
	// Language is what a snippet is written in; "" is a command line.
	Language Language `json:"language,omitempty"`
}

// Language is what a snippet is written in.
type Language string

const (
	YAML Language = "yaml"
	// Plain is flags and the like, which no program colors.
	Plain Language = "text"
)

// FixOf is steps as one text: a paragraph for each, with its command set off below it.
func FixOf(steps []Step) string {
	var parts []string
	for _, s := range steps {
		if s.Text != "" {
			parts = append(parts, s.Text)
		}
		if s.Command != "" {
			parts = append(parts, prose.Indent(strings.TrimRight(s.Command, "\n")))
		}
	}
	return prose.Paragraphs(parts...)
}
