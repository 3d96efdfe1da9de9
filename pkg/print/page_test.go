package print

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks"
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
		whole []string
	}{
		{"", 10, []string{""}, nil},
		{"one two three", 0, []string{"one two three"}, nil},
		{"one two three", 13, []string{"one two three"}, nil},
		{"one two three", 12, []string{"one two", "three"}, nil},
		{"one two three", 1, []string{"one", "two", "three"}, nil},
		{"a verylongwordthatstayswhole b", 8, []string{"a", "verylongwordthatstayswhole", "b"}, nil},
		{"two  spaces are one when it wraps", 20, []string{"two spaces are one", "when it wraps"}, nil},
		{"中文 中文 中文", 9, []string{"中文 中文", "中文"}, nil},
		{"look at it:", 20, []string{"look at it:", "kubectl get nodes -o yaml"}, []string{"kubectl get nodes -o yaml"}},
		{"look at it:", 0, []string{"look at it: kubectl get nodes"}, []string{"kubectl get nodes"}},
		{"look at it:", 29, []string{"look at it: kubectl get nodes"}, []string{"kubectl get nodes"}},
		{"look at it: kubectl get nodes", 20, []string{"look at it: kubectl", "get nodes"}, nil},
		{"the role (the whole: kubectl sidecar rbac): x", 24, []string{"the role (the whole:", "kubectl sidecar rbac): x"}, nil},
		{"canaries of a, b, +3 more", 22, []string{"canaries of a, b,", "+3 more"}, nil},
	} {
		if diff := cmp.Diff(test.want, wrap(test.text, test.width, test.whole...)); diff != "" {
			t.Errorf("wrap(%q, %d) (-want +got):\n%s", test.text, test.width, diff)
		}
	}
}

// TestSteps: texts are wrapped, commands stay as they are, whatever is in them.
func TestSteps(t *testing.T) {
	command := "kubectl label node a b c pool=sidecars"
	for _, test := range []struct {
		steps []checks.Step
		want  string
		next  string
	}{
		{nil, "", ""},
		{[]checks.Step{{Text: "one two three four"}}, "fix: one two three\n  four\n", "one two three four"},
		{[]checks.Step{{Command: command}}, "fix:\n\n    " + command + "\n", command},
		{
			[]checks.Step{{Text: "Set it:", Command: "spec:\n  a: 1\n", Language: checks.YAML}, {Text: "Then keep the others away:", Command: command + "\nx\n"}},
			"fix: Set it:\n\n    spec:\n      a: 1\n\n  Then keep the others\n  away:\n\n    " + command + "\n    x\n", command,
		},
		{stepsOf(nil, "say: kubectl get nodes\n\n  more"), "fix: say: kubectl\n  get nodes\n\n    more\n", "say: kubectl get nodes"},
	} {
		var out bytes.Buffer
		p := newPage(&out, Options{Width: 20, Unicode: true}, false)
		p.steps("", "fix: ", test.steps)
		if err := p.w.Flush(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, out.String()); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test.steps, diff)
		}
		if next := nextCommand(test.steps); next != test.next {
			t.Errorf("%+v: next %q, want %q", test.steps, next, test.next)
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
