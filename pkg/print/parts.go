package print

import (
	"strings"
	"unicode"
)

// A part of a text is either prose or code, which is to be copied or left alone.
type part struct {
	Code bool
	Text string
}

// parts takes a fix or a remedy apart, into paragraphs and what is to be copied: lines that are indented,
// and commands.
func parts(block string) []part {
	var out []part
	var code []string
	flush := func() {
		if text := dedent(code); text != "" {
			out = append(out, part{Code: true, Text: text})
		}
		code = nil
	}
	for i, l := range strings.Split(block, "\n") {
		switch {
		case strings.HasPrefix(l, " ") || i > 0 && l != "" && verbatim(l) && !strings.HasSuffix(l, ":") || strings.HasPrefix(l, "kubectl "):
			code = append(code, l)
		case l == "":
			if code != nil {
				code = append(code, l)
			}
		default:
			flush()
			out = append(out, part{Text: l})
		}
	}
	flush()
	return out
}

// dedent removes the indentation that all lines have, and empty lines at the end.
func dedent(lines []string) string {
	indent := -1
	for _, l := range lines {
		if l == "" {
			continue
		}
		if n := len(l) - len(strings.TrimLeft(l, " ")); indent < 0 || n < indent {
			indent = n
		}
	}
	var out []string
	for _, l := range lines {
		out = append(out, strings.TrimRightFunc(l[min(max(indent, 0), len(l)):], unicode.IsSpace))
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n")
}

// command is what a fix says to do, in one line: its first command, else its first sentence.
func command(block string) string {
	list := parts(block)
	for _, p := range list {
		if p.Code && strings.HasPrefix(p.Text, "kubectl ") {
			first, _, _ := strings.Cut(p.Text, "\n")
			return first
		}
		if !p.Code {
			if tail := words(p.Text); len(tail) > 0 && strings.HasPrefix(tail[len(tail)-1], "kubectl ") {
				return tail[len(tail)-1]
			}
		}
	}
	for _, p := range list {
		if !p.Code {
			return p.Text
		}
	}
	return ""
}
