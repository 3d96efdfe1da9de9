// Package pattern has regular expressions that cost nothing until they are used: one is compiled when it is first
// needed, and looks for a word that every match has before it looks for a match. The program has more than two hundred
// of them, a run needs a few, and nearly all texts match none.
package pattern

import (
	"regexp"
	"sync"
)

// A Pattern is a regular expression. Make one with [New].
type Pattern struct {
	text string
	once sync.Once
	re   *regexp.Regexp
	// words are such that every match has one of them; none where that is not known. All lower-case if folded.
	words  []string
	folded bool
}

// New is the pattern with that text, which has to be one that package regexp takes: its first use panics else. A test of
// this package has tried every pattern of the program.
func New(text string) *Pattern { return &Pattern{text: text} }

func (p *Pattern) compiled() *regexp.Regexp {
	p.once.Do(func() {
		p.re = regexp.MustCompile(p.text)
		p.words, p.folded = wordsOf(p.text)
	})
	return p.re
}

// in is the expression if a text may match it, else nil.
func (p *Pattern) in(s string) *regexp.Regexp {
	re := p.compiled()
	if len(p.words) == 0 || hasWord(s, p.words, p.folded) {
		return re
	}
	return nil
}

// MatchString is that of package regexp, as are the others.
func (p *Pattern) MatchString(s string) bool {
	re := p.in(s)
	return re != nil && re.MatchString(s)
}

// Match is that of package regexp.
func (p *Pattern) Match(b []byte) bool { return p.compiled().Match(b) }

// Split is that of package regexp.
func (p *Pattern) Split(s string, n int) []string { return p.compiled().Split(s, n) }

// FindString is that of package regexp.
func (p *Pattern) FindString(s string) string {
	if re := p.in(s); re != nil {
		return re.FindString(s)
	}
	return ""
}

// FindStringIndex is that of package regexp.
func (p *Pattern) FindStringIndex(s string) []int {
	if re := p.in(s); re != nil {
		return re.FindStringIndex(s)
	}
	return nil
}

// FindStringSubmatch is that of package regexp.
func (p *Pattern) FindStringSubmatch(s string) []string {
	if re := p.in(s); re != nil {
		return re.FindStringSubmatch(s)
	}
	return nil
}

// FindStringSubmatchIndex is that of package regexp.
func (p *Pattern) FindStringSubmatchIndex(s string) []int {
	if re := p.in(s); re != nil {
		return re.FindStringSubmatchIndex(s)
	}
	return nil
}

// FindAllString is that of package regexp.
func (p *Pattern) FindAllString(s string, n int) []string {
	if re := p.in(s); re != nil {
		return re.FindAllString(s, n)
	}
	return nil
}

// FindAllStringIndex is that of package regexp.
func (p *Pattern) FindAllStringIndex(s string, n int) [][]int {
	if re := p.in(s); re != nil {
		return re.FindAllStringIndex(s, n)
	}
	return nil
}

// FindAllStringSubmatch is that of package regexp.
func (p *Pattern) FindAllStringSubmatch(s string, n int) [][]string {
	if re := p.in(s); re != nil {
		return re.FindAllStringSubmatch(s, n)
	}
	return nil
}

// FindAllStringSubmatchIndex is that of package regexp.
func (p *Pattern) FindAllStringSubmatchIndex(s string, n int) [][]int {
	if re := p.in(s); re != nil {
		return re.FindAllStringSubmatchIndex(s, n)
	}
	return nil
}

// ReplaceAllString is that of package regexp.
func (p *Pattern) ReplaceAllString(s, by string) string {
	if re := p.in(s); re != nil {
		return re.ReplaceAllString(s, by)
	}
	return s
}

// ReplaceAllStringFunc is that of package regexp.
func (p *Pattern) ReplaceAllStringFunc(s string, by func(string) string) string {
	if re := p.in(s); re != nil {
		return re.ReplaceAllStringFunc(s, by)
	}
	return s
}
