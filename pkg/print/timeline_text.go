package print

import (
	"math"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// How a line of the picture is divided.
const (
	pictureWidth = 80  // where the width is not known
	pictureMost  = 120 // wider bars tell nothing more
	nameMost     = 20
	noteMost     = 32
	barLeast     = 8
)

// picture draws a picture: a scale, a line for each container, and what the symbols mean.
func (p *page) picture(pic picture) {
	if len(pic.lanes) == 0 {
		return
	}
	width := pictureWidth
	if p.o.Width > 0 {
		width = min(p.o.Width, pictureMost)
	}
	names, notes := 0, 0
	for _, l := range pic.lanes {
		names, notes = max(names, twwidth.Width(l.name)), max(notes, twwidth.Width(l.note))
	}
	// A narrow page leaves less of the words.
	names, notes = min(names, nameMost, width/4), min(notes, noteMost, 10+(width-40)*11/20)
	const fixed = 2 + 8 + 1 + 1 // gate, role, and the spaces around the bars
	s := scaleOf(pic, float64(max(width-fixed-names-notes, barLeast)))
	p.print(strings.Repeat(" ", 2+8+names+1), p.paint(dim, p.ruler(s)))
	for _, l := range pic.lanes {
		p.print(strings.TrimRight(p.laneText(l, s, names, notes), " "))
	}
	p.legend(pic, s)
}

func (p *page) laneText(l lane, s scale, names, notes int) string {
	mark := "  "
	if l.blocks {
		mark = p.paint(lookGate.color, p.symbol(lookGate)) + " "
	}
	note := p.cut(l.note, notes)
	if l.blocks {
		note = p.paint(bold, note)
	}
	return mark + pad(l.role, 8) + pad(p.ellipsis(l.name, names), names+1) + p.bars(l.bars, s) + " " + note
}

func (p *page) symbol(l look) string {
	if p.o.Unicode {
		return l.symbol
	}
	return l.ascii
}

// ruler is the scale as a line: each mark is the column after its sign.
func (p *page) ruler(s scale) string {
	sign := "|"
	if p.o.Unicode {
		sign = "╷"
	}
	line := []rune(strings.Repeat(" ", int(s.width)))
	for _, tick := range s.ticks(1) {
		at := int(s.at(tick))
		for i, r := range []rune(sign + short(tick)) {
			if at+i < len(line) {
				line[at+i] = r
			}
		}
	}
	return strings.TrimRight(string(line), " ")
}

// bars draws what a container did. Whatever it did is at least one column wide, however short.
func (p *page) bars(bars []bar, s scale) string {
	width := int(s.width)
	cells := make([]*look, width)
	for _, b := range bars {
		l := looks[b.state]
		from, to := columns(b, s)
		for i := from; i < to; i++ {
			cells[i] = &l
		}
	}
	// An end is not hidden by what comes next in the same column.
	for _, b := range bars {
		_, to := columns(b, s)
		switch {
		case b.failed:
			cells[to-1] = &lookFailed
		case b.ended && to < width && cells[to] == nil:
			cells[to] = &lookDone
		}
	}
	return p.cells(cells)
}

// fitting are the first column of a bar and the one after its last.
func columns(b bar, s scale) (from, to int) {
	width := int(s.width)
	from = min(int(s.at(b.from)), width-1)
	to = min(max(int(math.Ceil(s.at(b.to))), from+1), width)
	return from, to
}

// cells writes columns; neighbors that look the same share one color sequence.
func (p *page) cells(cells []*look) string {
	var out strings.Builder
	for i := 0; i < len(cells); {
		j := i
		for j < len(cells) && cells[j] == cells[i] || j < len(cells) && cells[i] != nil && cells[j] != nil && *cells[j] == *cells[i] {
			j++
		}
		if cells[i] == nil {
			out.WriteString(strings.Repeat(" ", j-i))
		} else {
			out.WriteString(p.paint(cells[i].color, strings.Repeat(p.symbol(*cells[i]), j-i)))
		}
		i = j
	}
	return out.String()
}

// legend explains the symbols that are in the picture.
func (p *page) legend(pic picture, s scale) {
	var words []string
	var lengths []int // without color
	for _, l := range pic.used() {
		words = append(words, p.paint(l.color, p.symbol(l))+" "+l.name)
		lengths = append(lengths, twwidth.Width(p.symbol(l)+" "+l.name))
	}
	if s.unit > 0 {
		words, lengths = append(words, "(log scale)"), append(lengths, len("(log scale)"))
	}
	line, used := "", 0
	for i, word := range words {
		n := lengths[i]
		if used > 0 && p.o.Width > 0 && 2+used+2+n > p.o.Width {
			p.print("  ", line)
			line, used = "", 0
		}
		if used > 0 {
			line, used = line+"  ", used+2
		}
		line, used = line+word, used+n
	}
	p.print("  ", line)
}

// ellipsis shortens a text in its middle: names of containers differ at both ends.
func (p *page) ellipsis(text string, width int) string {
	if twwidth.Width(text) <= width {
		return text
	}
	keep := max(width-twwidth.Width(p.dots()), 1)
	runes := []rune(text)
	tail := slices.Clone(runes)
	slices.Reverse(tail)
	tail = fitting(tail, keep/2)
	slices.Reverse(tail)
	return string(fitting(runes, keep-keep/2)) + p.dots() + string(tail)
}

// fitting are the first of runes that fit into a width: some take two columns, some none.
func fitting(runes []rune, width int) []rune {
	for i, r := range runes {
		if width -= twwidth.Width(string(r)); width < 0 {
			return runes[:i]
		}
	}
	return runes
}

// cut shortens a text at its end.
func (p *page) cut(text string, width int) string {
	if twwidth.Width(text) <= width {
		return text
	}
	return string(fitting([]rune(text), max(width-twwidth.Width(p.dots()), 1))) + p.dots()
}

func (p *page) dots() string {
	if p.o.Unicode {
		return "…"
	}
	return "..."
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-twwidth.Width(text), 0))
}
