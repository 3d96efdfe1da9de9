//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A row is one comparison.
type row struct {
	what, ours, other, ratio, target, met string
}

type table struct{ rows []row }

// atMost adds a row whose ratio ours/other must not be more than limit.
func (t *table) atMost(what, ours, other string, ratio, limit float64) {
	t.add(row{what, ours, other, number(ratio), "<= " + number(limit), yes(ratio <= limit)})
}

// atLeast adds a row whose ratio other/ours must not be less than limit.
func (t *table) atLeast(what, ours, other string, ratio, limit float64) {
	t.add(row{what, ours, other, number(ratio), ">= " + number(limit), yes(ratio >= limit)})
}

// bound adds a row that is not about a ratio.
func (t *table) bound(what, ours, target string, met bool) {
	t.add(row{what, ours, "-", "-", target, yes(met)})
}

// shown adds a row without a target.
func (t *table) shown(what, ours, other, ratio string) {
	t.add(row{what, ours, other, ratio, "-", "-"})
}

func (t *table) add(r row) {
	t.rows = append(t.rows, r)
	say("| %s | %s | %s | %s | %s | %s", r.what, r.ours, r.other, r.ratio, r.target, r.met)
}

func (t *table) print(out io.Writer) error {
	all := append([]row{{"what", "kubectl sidecar", "the other side", "ratio", "target", "met"}, {"---", "---", "---", "---", "---", "---"}}, t.rows...)
	for _, r := range all {
		line := strings.Join([]string{r.what, r.ours, r.other, r.ratio, r.target, r.met}, " | ")
		if _, err := fmt.Fprintf(out, "| %s |\n", line); err != nil {
			return err
		}
	}
	return nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "**no**"
}

func number(f float64) string {
	if f < 0.1 {
		return fmt.Sprintf("%.3f", f)
	}
	if f < 10 {
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

func seconds(d time.Duration) string {
	if d < 100*time.Millisecond {
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func megabytes(mb float64) string { return fmt.Sprintf("%.0f MB", mb) }
