package cli

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

const (
	// context is how many equal lines stand around a change.
	contextLines = 3
	// mostChanges bounds the work of finding the shortest diff, which grows with their square.
	mostChanges = 2000
)

// diffOf is the shortest diff of two texts that patch -p0 and git apply -p0 take. Beyond thousands of changes it is any.
func diffOf(name string, before, after []byte) []byte {
	if bytes.Equal(before, after) {
		return nil
	}
	changes, ok := changesOf(linesOf(before), linesOf(after))
	if !ok {
		_, rest, _ := bytes.Cut(diff.Diff(name, before, name, after), []byte("\n")) // "diff a b"
		return rest
	}
	out := fmt.Appendf(nil, "--- %s\n+++ %s\n", name, name)
	old, new := 0, 0 // lines before the hunk
	for at := 0; at < len(changes); {
		if changes[at][0] == ' ' {
			at, old, new = at+1, old+1, new+1
			continue
		}
		first := max(0, at-contextLines)
		for first < at && changes[first][0] != ' ' {
			first++
		}
		old, new = old-(at-first), new-(at-first)
		end := hunkEnd(changes, at)
		removed, added := 0, 0
		for _, c := range changes[first:end] {
			removed += map[byte]int{' ': 1, '-': 1}[c[0]]
			added += map[byte]int{' ': 1, '+': 1}[c[0]]
		}
		out = fmt.Appendf(out, "@@ -%d,%d +%d,%d @@\n", old+min(1, removed), removed, new+min(1, added), added)
		for _, c := range changes[first:end] {
			out = append(out, c...)
		}
		at, old, new = end, old+removed, new+added
	}
	return out
}

// hunkEnd is the end of the hunk that a change is in: changes with few equal lines between them are one.
func hunkEnd(changes []string, at int) int {
	last := at
	for i := at; i < len(changes) && i-last <= 2*contextLines; i++ {
		if changes[i][0] != ' ' {
			last = i
		}
	}
	return min(last+1+contextLines, len(changes))
}

// linesOf are the lines of a text, as a diff has them.
func linesOf(text []byte) []string {
	out := strings.SplitAfter(string(text), "\n")
	last := len(out) - 1
	if out[last] == "" {
		return out[:last]
	}
	out[last] += "\n\\ No newline at end of file\n"
	return out
}

// changesOf are the lines of both texts in one list, each behind what becomes of it: the fewest that come and go. ok is
// false where there are too many.
func changesOf(a, b []string) (changes []string, ok bool) {
	head := 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	for _, line := range a[:head] {
		changes = append(changes, " "+line)
	}
	middle, ok := shortest(a[head:len(a)-tail], b[head:len(b)-tail])
	changes = append(changes, middle...)
	for _, line := range a[len(a)-tail:] {
		changes = append(changes, " "+line)
	}
	return changes, ok
}

// shortest is the same by E. Myers, An O(ND) Difference Algorithm and Its Variations (1986): reached[k] is how far into a
// one gets on diagonal k, which is the place in a less that in b, with so many changes.
func shortest(a, b []string) (changes []string, ok bool) {
	most := min(len(a)+len(b), mostChanges)
	reached := make([]int, 2*most+3)
	zero := most + 1
	var trace [][]int // reached before each change, from diagonal -d-1 to d+1
	for d := 0; d <= most; d++ {
		trace = append(trace, slices.Clone(reached[zero-d-1:zero+d+2]))
		for k := -d; k <= d; k += 2 {
			i := reached[zero+k-1] + 1
			if k == -d || k != d && reached[zero+k-1] < reached[zero+k+1] {
				i = reached[zero+k+1]
			}
			for i < len(a) && i-k < len(b) && a[i] == b[i-k] {
				i++
			}
			reached[zero+k] = i
			if i >= len(a) && i-k >= len(b) {
				return wayBack(a, b, trace), true
			}
		}
	}
	return nil, false
}

// wayBack follows the changes from the end of both texts to their beginnings.
func wayBack(a, b []string, trace [][]int) []string {
	var out []string
	i, j := len(a), len(b)
	for d := len(trace) - 1; d >= 0; d-- {
		reached := func(k int) int { return trace[d][k+d+1] }
		k := i - j
		from := k - 1
		if k == -d || k != d && reached(k-1) < reached(k+1) {
			from = k + 1
		}
		for i > reached(from) && j > reached(from)-from && i > 0 && j > 0 {
			i, j = i-1, j-1
			out = append(out, " "+a[i])
		}
		switch {
		case d == 0:
		case i == reached(from):
			j--
			out = append(out, "+"+b[j])
		default:
			i--
			out = append(out, "-"+a[i])
		}
	}
	slices.Reverse(out)
	return out
}
