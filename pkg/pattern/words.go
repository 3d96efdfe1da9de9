package pattern

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// mostWords are how many words are looked for before a match is.
const mostWords = 48

// wordsOf are words of which every match of an expression has one, lower-case where the case of one does not matter;
// none where there are no such words.
func wordsOf(text string) (words []string, folded bool) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, false
	}
	words, folded = needed(parsed.Simplify())
	unusable := func(w string) bool { // what is not UTF-8 counts as RuneError, and letters beyond ASCII may have many cases
		return w == "" || strings.ContainsRune(w, utf8.RuneError) || folded && strings.ContainsFunc(w, func(r rune) bool { return r >= utf8.RuneSelf })
	}
	if len(words) > mostWords || slices.ContainsFunc(words, unusable) {
		return nil, false
	}
	if folded {
		for i := range words {
			words[i] = strings.ToLower(words[i])
		}
	}
	slices.SortFunc(words, func(a, b string) int { return len(a) - len(b) })
	var out []string
	for _, w := range words { // what has a shorter one in it adds nothing
		if !slices.ContainsFunc(out, func(shorter string) bool { return strings.Contains(w, shorter) }) {
			out = append(out, w)
		}
	}
	return out, folded
}

func needed(re *syntax.Regexp) (words []string, folded bool) {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{string(re.Rune)}, re.Flags&syntax.FoldCase != 0
	case syntax.OpCapture, syntax.OpPlus:
		return needed(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needed(re.Sub[0])
		}
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			w, f := needed(sub)
			if len(w) == 0 {
				return nil, false
			}
			words, folded = append(words, w...), folded || f
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if w, f := needed(sub); better(w, words) {
				words, folded = w, f
			}
		}
	}
	return words, folded
}

// better reports whether words tell more than others: the shortest of them is longer, or there are fewer.
func better(words, others []string) bool {
	if len(words) == 0 || len(words) > mostWords {
		return false
	}
	a, b := shortest(words), shortest(others)
	return a > b || a == b && len(words) < len(others)
}

func shortest(words []string) int {
	out := 0
	for i, w := range words {
		if i == 0 || len(w) < out {
			out = len(w)
		}
	}
	return out
}

// hasWord reports whether one of the words is in a text. Of a text that is not plain ASCII it says so in any case if
// letters of both cases count, since some letters have more than two.
func hasWord(s string, words []string, folded bool) bool {
	if folded {
		var buffer [256]byte
		lower, ok := lowered(s, buffer[:0])
		if !ok {
			return true
		}
		for _, w := range words {
			if contains(lower, w) {
				return true
			}
		}
		return false
	}
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// contains is bytes.Contains of a string, which allocates nothing.
func contains(s []byte, word string) bool {
	first := word[0]
	for i := 0; i+len(word) <= len(s); i++ {
		if s[i] == first && string(s[i:i+len(word)]) == word {
			return true
		}
	}
	return false
}

// lowered is a text with small letters; false if it is not plain ASCII.
func lowered(s string, out []byte) ([]byte, bool) {
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			return nil, false
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	return out, true
}
