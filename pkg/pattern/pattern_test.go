package pattern

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWords(t *testing.T) {
	for _, test := range []struct {
		text   string
		words  []string
		folded bool
	}{
		{`quitquitquit|/agent/v1/quit`, []string{"quitquitquit", "/agent/v1/quit"}, false},
		{`(?:^|[\s;&|(])(?:p?kill|killall)\s`, []string{"kill"}, false},
		{`(?i)127\.0\.0\.1|localhost|\[::1\]|\$HOSTNAME`, []string{"[::1]", "127.0.0.1", "localhost", "$hostname"}, true},
		{`^-{0,2}(?:([A-Za-z][\w.-]*?[-_.])?[pP]ort|p)=(\d{2,5})$`, []string{"="}, false},
		{`\bsleep\s+(?:infinity|inf\b)`, []string{"sleep"}, false},
		{`(?:sleep){2}`, []string{"sleep"}, false},
		{`(?:sleep){0,2}`, nil, false},
		{`a|b|`, nil, false},
		{`^\w+=|exit`, []string{"=", "exit"}, false},
		{`x*|y`, nil, false},
		{`[ab]+`, nil, false},
		{``, nil, false},
		{"\ufffdab", nil, false},
		{`(?i)é`, nil, false},
	} {
		words, folded := wordsOf(test.text)
		if diff := cmp.Diff(test.words, words); diff != "" || folded != test.folded {
			t.Errorf("%s: folded %v (-want +got):\n%s", test.text, folded, diff)
		}
	}
}

// TestSame: a pattern says what the expression says, also of letters with more than two cases.
func TestSame(t *testing.T) {
	for _, text := range []string{`(?i)kill`, `(?i)status|K`, `(?i:a)b|CD`, `curl (\S+)`, `^x`, `(?i)(?:^|[^\w.-])(?:localhost)(?:[^\w.:-]|$)`} {
		p, re := New(text), regexp.MustCompile(text)
		for _, s := range []string{"", "kill", "KILL", "\u212aill", "\u017ftatu\u017f", "ab", "Ab", "aB", "cd", "CD", "curl a b", "wget a", "x", "yx", "LOCALHOST", "é localhost é", strings.Repeat("y", 300) + "Kill"} {
			if diff := cmp.Diff(re.FindAllStringSubmatch(s, -1), p.FindAllStringSubmatch(s, -1)); diff != "" {
				t.Errorf("%s in %q (-want +got):\n%s", text, s, diff)
			}
			got := []any{p.MatchString(s), p.FindString(s), p.FindStringIndex(s), p.FindStringSubmatch(s), p.FindStringSubmatchIndex(s), p.FindAllString(s, -1), p.FindAllStringIndex(s, -1), p.FindAllStringSubmatchIndex(s, -1), p.ReplaceAllString(s, "<$0>"), p.ReplaceAllStringFunc(s, strings.ToUpper)}
			want := []any{re.MatchString(s), re.FindString(s), re.FindStringIndex(s), re.FindStringSubmatch(s), re.FindStringSubmatchIndex(s), re.FindAllString(s, -1), re.FindAllStringIndex(s, -1), re.FindAllStringSubmatchIndex(s, -1), re.ReplaceAllString(s, "<$0>"), re.ReplaceAllStringFunc(s, strings.ToUpper)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s in %q (-want +got):\n%s", text, s, diff)
			}
		}
	}
}

func FuzzSame(f *testing.F) {
	f.Add(`(?i)a(?:b|cd)+`, "xABx")
	f.Add(`(?:foo|fob){1,3}|x?bar`, "fob")
	f.Fuzz(func(t *testing.T, text, s string) {
		re, err := regexp.Compile(text)
		if err != nil {
			return
		}
		if got, want := New(text).MatchString(s), re.MatchString(s); got != want {
			t.Errorf("%s in %q: %v, want %v", text, s, got, want)
		}
	})
}
