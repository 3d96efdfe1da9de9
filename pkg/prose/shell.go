package prose

import (
	"fmt"
	"regexp"
	"strings"
)

// Shell is a command line with each of the words as one word of a shell's. Some of them are chosen by
// whoever makes an object, and nobody checks them: owner references, what events are about, messages.
func Shell(format string, words ...string) string {
	quoted := make([]any, len(words))
	for i, w := range words {
		quoted[i] = Word(w)
	}
	return fmt.Sprintf(format, quoted...)
}

// harmless matches what means to a shell what it says.
var harmless = regexp.MustCompile(`^[A-Za-z0-9._:/=,@%+-]+$`)

// Word is one word of a shell's, in quotes where it has to be.
func Word(s string) string {
	if harmless.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
