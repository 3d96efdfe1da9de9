package prose

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Some is the first n words of a list, and how many more there are: "a, b, c and 2 more".
func Some(list []string, n int) string { return SomeOf(list, n, len(list)) }

// SomeOf is [Some] for a list that has only some of total.
func SomeOf(list []string, n, total int) string {
	shown := list[:min(n, len(list))]
	out := strings.Join(shown, ", ")
	if more := max(total, len(list)) - len(shown); more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}

// Sentence is clauses as one sentence: "update it; then restart it" becomes "Update it; then restart it."
func Sentence(clause string) string {
	r, size := utf8.DecodeRuneInString(clause)
	out := string(unicode.ToUpper(r)) + clause[size:]
	if strings.HasSuffix(out, ".") {
		return out
	}
	return out + "."
}
