package print

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "",
		"plain text, ~ and \\":    "plain text, ~ and \\",
		"ü 中文 😀 مرحبا":            "ü 中文 😀 مرحبا",
		"\x1b[31mred\x1b[0m":      `\x1b[31mred\x1b[0m`,
		"a\nb\r\nc\td":            `a\nb\r\nc\td`,
		"\x00\a\b\x7f":            `\x00\a\b\x7f`,
		"\u009b31m":               `\u009b31m`,
		"\u202eabc\u2066\u200f":   `\u202eabc\u2066\u200f`,
		"zero\u200bwidth\ufeff":   `zero\u200bwidth\ufeff`,
		"\u2028\u2029\u00a0":      `\u2028\u2029\u00a0`,
		"cut \xe4\xb8, lone \xff": `cut \xe4\xb8, lone \xff`,
		"\U000e0041tag":           `\U000e0041tag`,
		"replacement \ufffd":      "replacement \ufffd",
		"::error file=a::b":       `\x3a:error file=a::b`,
		"a ::add-mask::b std::x":  `a \x3a:add-mask::b std::x`,
		"##[error]a ##vso[task]b": `\x23#[error]a \x23#vso[task]b`,
		"[::1]:80, ::1, a::b::c":  "[::1]:80, ::1, a::b::c",
	} {
		if got := line(in); got != want {
			t.Errorf("line(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"one two three", 0, []string{"one two three"}},
		{"one two three", 13, []string{"one two three"}},
		{"one two three", 12, []string{"one two", "three"}},
		{"one two three", 1, []string{"one", "two", "three"}},
		{"a verylongwordthatstayswhole b", 8, []string{"a", "verylongwordthatstayswhole", "b"}},
		{"two  spaces are one when it wraps", 20, []string{"two spaces are one", "when it wraps"}},
		{"中文 中文 中文", 9, []string{"中文 中文", "中文"}},
		{"look at it: kubectl get nodes -o yaml", 20, []string{"look at it:", "kubectl get nodes -o yaml"}},
		{"the role (the whole: kubectl sidecar rbac): x", 24, []string{"the role (the whole:", "kubectl sidecar rbac): x"}},
	} {
		if diff := cmp.Diff(test.want, wrap(test.text, test.width)); diff != "" {
			t.Errorf("wrap(%q, %d) (-want +got):\n%s", test.text, test.width, diff)
		}
	}
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestWriteError: a report that could not be written is never taken for one that was.
func TestWriteError(t *testing.T) {
	r := readReport(t, "testdata/not-ready/report.json")
	for _, f := range Formats {
		if err := f.Print(full{}, r, Options{}); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: error %v", f.Name, err)
		}
	}
}

// TestPrintersChangeNothing: one report can be printed in several formats.
func TestPrintersChangeNothing(t *testing.T) {
	r, before := readReport(t, "testdata/hostile/report.json"), readReport(t, "testdata/hostile/report.json")
	for _, f := range Formats {
		var out bytes.Buffer
		if err := f.Print(&out, r, Options{Width: 80}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, r); diff != "" {
		t.Errorf("the report was changed (-before +after):\n%s", diff)
	}
}
