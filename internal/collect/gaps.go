package collect

import (
	"strings"
	"unicode/utf8"
)

// maxWords bounds a server's words in a gap.
const maxWords = 400

// oneLine makes a server's words fit a line.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxWords {
		return s
	}
	cut := maxWords
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
