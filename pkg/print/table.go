package print

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// nodes writes the groups of nodes as a table; in full, a line for each node.
func (p *page) nodes(groups []report.NodeGroup) {
	if len(groups) == 0 {
		return
	}
	rows := [][]string{{"VERSION", "GATE", "KNOWN BY", "NODES", "NAMES"}}
	for _, g := range groups {
		rows = append(rows, []string{dash(g.Version), g.Gate, dash(g.Source), strconv.Itoa(len(g.Names)), p.few(g.Names, groups)})
	}
	if p.full {
		rows = [][]string{{"NODE", "VERSION", "GATE", "KNOWN BY"}}
		for _, g := range groups {
			for _, name := range g.Names {
				rows = append(rows, []string{name, dash(g.Version), g.Gate, dash(g.Source)})
			}
		}
	}
	for _, l := range table(rows) {
		p.print(l)
	}
	p.print()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// few is as many names as fit beside the other columns.
func (p *page) few(names []string, groups []report.NodeGroup) string {
	version := 0
	for _, g := range groups {
		version = max(version, len(g.Version))
	}
	room := max(p.o.Width-version-len("  unsupported  KNOWN BY  NODES  "), 20)
	out := ""
	for i, name := range names {
		more := ""
		if left := len(names) - i - 1; left > 0 {
			more = fmt.Sprintf(", +%d more", left)
		}
		switch {
		case i == 0 && len(name)+len(more) > room:
			return shorten(name, room-len(more)) + more
		case i == 0:
			out = name
		case len(out)+len(", ")+len(name)+len(more) > room:
			return fmt.Sprintf("%s, +%d more", out, len(names)-i)
		default:
			out += ", " + name
		}
	}
	return out
}

// shorten cuts a name to n bytes and says so.
func shorten(name string, n int) string {
	for n > 0 && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:max(n-1, 1)] + "…"
}

// table aligns rows, the first of them the header, without any lines.
func table(rows [][]string) []string {
	var out strings.Builder
	padding := tw.CellPadding{Global: tw.Padding{Left: tw.Empty, Right: "  ", Overwrite: true}}
	section := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Alignment:  tw.CellAlignment{Global: tw.AlignLeft},
		Padding:    padding,
	}
	t := tablewriter.NewTable(&out,
		tablewriter.WithConfig(tablewriter.Config{Header: section, Row: section, Behavior: tw.Behavior{TrimSpace: tw.Off}}),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})))
	t.Header(rows[0])
	if err := t.Bulk(rows[1:]); err != nil {
		return unaligned(rows)
	}
	if err := t.Render(); err != nil {
		return unaligned(rows)
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

// unaligned is for what the table library refuses: better crooked than nothing.
func unaligned(rows [][]string) []string {
	var out []string
	for _, row := range rows {
		out = append(out, strings.Join(row, "  "))
	}
	return out
}
