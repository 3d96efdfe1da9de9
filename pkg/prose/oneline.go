package prose

import (
	"regexp"
	"strings"
)

// OneLine puts a text into one line and bounds it. Messages of programs begin with what was tried and end with why it
// failed, so where something has to go it is first long words that were there before (paths, names of images), then
// long paths, then the middle.
func OneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > long {
		s = shortenWords(s)
	}
	if len(s) > most {
		s = strings.ToValidUTF8(s[:lead], "") + gone + strings.ToValidUTF8(s[len(s)-(most-lead-len(gone)):], "")
	}
	return s
}

const (
	// long is from where a text is made shorter where that loses nothing, most is what it may have at most.
	long, most = 300, 600
	// lead is how much of a text that is too long is its beginning.
	lead = 200
	gone = " ... "
)

// longWord matches paths, addresses and names, up to what quotes or separates them.
var longWord = regexp.MustCompile(`[^\s"'` + "`" + `()<>,;=]{32,}`)

// shortenWords leaves of a long word that was there before, and of every long path, its end.
func shortenWords(s string) string {
	seen := map[string]bool{}
	return longWord.ReplaceAllStringFunc(s, func(word string) string {
		name := strings.TrimRight(word, ":.")
		after := word[len(name):]
		if !seen[name] && !strings.HasPrefix(name, "/") {
			seen[name] = true
			return word
		}
		if slash := strings.LastIndexByte(name, '/'); slash > 0 {
			return "..." + name[slash:] + after
		}
		return strings.ToValidUTF8(name[:8]+"..."+name[len(name)-8:], "") + after
	})
}
