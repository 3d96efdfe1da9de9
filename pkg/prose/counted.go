package prose

import (
	"fmt"
	"strings"
)

// Of is "1 of 3 checks", or "1 of 1 check".
func Of(n, total int, noun string) string { return fmt.Sprintf("%d of %s", n, Counted(total, noun)) }

// Counted is a number with its noun: "1 check", "2 checks".
func Counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %s", n, Plural(noun))
}

// All is "the 1 check" or "all 12 checks".
func All(n int, noun string) string {
	if n == 1 {
		return "the 1 " + noun
	}
	return "all " + Counted(n, noun)
}

// Plural is the plural of a regular noun.
func Plural(noun string) string {
	switch {
	case strings.HasSuffix(noun, "s"):
		return noun + "es"
	case strings.HasSuffix(noun, "y"):
		return strings.TrimSuffix(noun, "y") + "ies"
	}
	return noun + "s"
}

// List is "a", "a and b" or "a, b and c".
func List(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}
