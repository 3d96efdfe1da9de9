package print

import (
	"html"
	"regexp"
	"strings"
	"unicode"
)

// A part of a sentence is either prose or code, which is to be copied or left alone.
type part struct {
	Code bool
	Text string
}

// What a service makes a link or a picture of although it has no letter that Markdown knows.
var (
	plainWord  = regexp.MustCompile(`^[\p{L}\p{N},.;:()'"/%+=?≤≥×→…-]*$`)
	autoLinked = regexp.MustCompile(`(?i)://|www\.|:[\w+-]+:|\b[A-Z][A-Z0-9]*-[0-9]+\b|\b[0-9a-f]{7,}\b`)
	blockStart = regexp.MustCompile(`^([0-9]+[.)]|[-+=:]+)$`)
)

// runs takes a sentence apart: into words that mean nothing to Markdown, HTML or a code hosting service,
// and words that might and stand as code, where all of these leave them alone: markup, mentions, links,
// references to issues and commits.
func runs(text string) []part {
	var out []part
	add := func(code bool, text string) {
		if last := len(out) - 1; last >= 0 && out[last].Code == code {
			out[last].Text += text
		} else if text != "" {
			out = append(out, part{Code: code, Text: text})
		}
	}
	for i, word := range braced(words(text)) {
		before, core, after := bare(word)
		code := !harmlessWord(word) || i == 0 && blockStart.MatchString(word)
		joined := code && before == "" && len(out) > 0 && out[len(out)-1].Code
		if i > 0 {
			add(joined, " ")
		}
		if !code {
			add(false, word)
			continue
		}
		add(false, before)
		add(true, core)
		add(false, after)
	}
	return out
}

// braced joins the words of what stands in braces: it is a rule or a selector, and copied whole.
func braced(words []string) []string {
	var out []string
	for i := 0; i < len(words); i++ {
		joined := words[i]
		end := i
		for strings.HasPrefix(joined, "{") && strings.Count(joined, "{") > strings.Count(joined, "}") && end+1 < len(words) {
			end++
			joined += " " + words[end]
		}
		if strings.Count(joined, "{") == strings.Count(joined, "}") {
			i = end
		} else {
			joined = words[i]
		}
		out = append(out, joined)
	}
	return out
}

// harmlessWord reports whether a word may stand in a sentence as it is. Words of letters and digits
// in one are names of objects: reading is easier where they look like it.
func harmlessWord(word string) bool {
	if !plainWord.MatchString(word) {
		return false
	}
	for _, m := range autoLinked.FindAllString(word, -1) {
		if hex := strings.Trim(m, "0123456789abcdefABCDEF") == ""; !hex || strings.ContainsFunc(m, unicode.IsDigit) {
			return false
		}
	}
	return true
}

// bare takes the punctuation of the sentence off a word.
func bare(word string) (before, core, after string) {
	core = strings.TrimLeft(word, `("`)
	before = word[:len(word)-len(core)]
	trimmed := strings.TrimRight(core, `,.;:)"`)
	after = core[len(trimmed):]
	if trimmed == "" {
		return "", word, ""
	}
	return before, trimmed, after
}

// mdText is a sentence in Markdown.
func mdText(text string) string {
	var out strings.Builder
	for _, r := range runs(text) {
		if r.Code {
			out.WriteString(codeSpan(r.Text))
		} else {
			out.WriteString(r.Text)
		}
	}
	return out.String()
}

// proseHTML is a sentence in HTML that stands in Markdown.
func proseHTML(text string) string {
	var out strings.Builder
	for _, r := range runs(text) {
		if r.Code {
			out.WriteString("<code>" + html.EscapeString(r.Text) + "</code>")
		} else {
			out.WriteString(html.EscapeString(r.Text))
		}
	}
	return out.String()
}

// cell is Markdown for a cell of a table, where a bar separates columns even within code.
func cell(markdown string) string { return strings.ReplaceAll(markdown, "|", `\x7c`) }

// codeSpan quotes text in one line. Its backticks are more than any that follow each other in it.
func codeSpan(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	ticks := strings.Repeat("`", mostTicks(text)+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return ticks + text + ticks
}

// fence quotes text of several lines.
func fence(language, text string) string {
	ticks := strings.Repeat("`", max(mostTicks(text)+1, 3))
	return ticks + language + "\n" + text + "\n" + ticks + "\n"
}

// mostTicks is the length of the longest run of backticks.
func mostTicks(text string) int {
	most, n := 0, 0
	for _, r := range text {
		if r != '`' {
			n = 0
			continue
		}
		n++
		most = max(most, n)
	}
	return most
}

// mdTextOrDash and codeOrDash are for cells that may have nothing to say.
func mdTextOrDash(text string) string {
	if text == "" {
		return "–"
	}
	return mdText(text)
}

func codeOrDash(text string) string {
	if text == "" {
		return "–"
	}
	return codeSpan(text)
}
