package cli

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestUnified: a diff is as short as can be, and turns one text into the other.
func TestUnified(t *testing.T) {
	before := "a\nb\nsame\nsame\nc\nsame\nsame\nd\n"
	after := "a\nsame\nsame\nc\nsame\nsame\nb\nd\n"
	want := "--- f\n+++ f\n@@ -1,8 +1,8 @@\n a\n-b\n same\n same\n c\n same\n same\n+b\n d\n"
	if got := string(diffOf("f", []byte(before), []byte(after))); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := diffOf("f", []byte(before), []byte(before)); got != nil {
		t.Errorf("%s", got)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		a, b := randomText(random), randomText(random)
		out := diffOf("f", []byte(a), []byte(b))
		if got := applied(t, a, string(out)); got != b {
			t.Fatalf("%d: patched is\n%q, want\n%q\n%s", n, got, b, out)
		}
		if changes, least := strings.Count(string(out), "\n+")+strings.Count(string(out), "\n-")-1, leastChanges(a, b); a != b && changes != least {
			t.Fatalf("%d: %d changes, %d are enough:\n%s", n, changes, least, out)
		}
	}
	long := strings.Repeat("x\n", 3000)
	if out := diffOf("f", []byte(strings.ReplaceAll(long, "x", "a")), []byte(strings.ReplaceAll(long, "x", "b"))); !strings.HasPrefix(string(out), "--- f\n+++ f\n@@ -1,3000 +1,3000 @@\n") {
		t.Errorf("%.100s", out)
	}
}

// randomText is a short text of few words, so many lines are equal.
func randomText(r *rand.Rand) string {
	out := ""
	for range r.IntN(30) {
		out += fmt.Sprintln(r.IntN(5))
	}
	if r.IntN(3) == 0 {
		out = strings.TrimSuffix(out, "\n")
	}
	return out
}

// leastChanges is the least number of lines that come or go, by the longest common subsequence.
func leastChanges(before, after string) int {
	a, b := linesOf([]byte(before)), linesOf([]byte(after))
	common := make([][]int, len(a)+1)
	common[0] = make([]int, len(b)+1)
	for i := range a {
		common[i+1] = make([]int, len(b)+1)
		for j := range b {
			if common[i+1][j+1] = max(common[i][j+1], common[i+1][j]); a[i] == b[j] {
				common[i+1][j+1] = common[i][j] + 1
			}
		}
	}
	return len(a) + len(b) - 2*common[len(a)][len(b)]
}

// applied is what patch makes of a text: each hunk says where it begins, and how many lines it has of both.
func applied(t *testing.T, text, diff string) string {
	t.Helper()
	old, out := linesOf([]byte(text)), ""
	at := 0
	for _, hunk := range strings.Split(diff, "\n@@ -")[1:] {
		var first, removed, start, added int
		if _, err := fmt.Sscanf(hunk, "%d,%d +%d,%d @@", &first, &removed, &start, &added); err != nil {
			t.Fatal(err, diff)
		}
		if removed == 0 {
			first++ // it stands behind that line
		}
		for ; at < first-1; at++ {
			out += old[at]
		}
		_, body, _ := strings.Cut(hunk, "\n")
		last := byte(0)
		for line := range strings.Lines(body + "\n") {
			switch {
			case line == "\n":
			case line[0] == '\\' && last == '-':
			case line[0] == '\\':
				out = strings.TrimSuffix(out, "\n")
			case line[0] == '+':
				out, added = out+line[1:], added-1
			default:
				if !strings.HasPrefix(old[at], strings.TrimSuffix(line[1:], "\n")) {
					t.Fatalf("line %d is %q, not %q:\n%s", at+1, old[at], line, diff)
				}
				if at, removed = at+1, removed-1; line[0] == ' ' {
					out, added = out+line[1:], added-1
				}
			}
			last = line[0]
		}
		if removed != 0 || added != 0 {
			t.Fatalf("%d and %d lines are missing:\n%s", removed, added, diff)
		}
	}
	for _, line := range old[at:] {
		out += line
	}
	return strings.TrimSuffix(out, "\n\\ No newline at end of file\n")
}
