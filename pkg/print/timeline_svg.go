package print

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Measures of the drawing, in pixels. Its width fits a ticket and a slide; the letters are of one
// width, so that what is cut can be reckoned.
const (
	svgMargin = 16
	svgBar    = 14
	svgLetter = 7.3 // of the monospaced font at 12 pixels
)

// A sheet is what a drawing is made for.
type sheet struct {
	width, lane float64
	from, to    float64 // where the bars begin and end
	stacked     bool    // names and notes stand above the bars, not beside them
}

var (
	wideSheet   = sheet{width: 960, lane: 26, from: 264, to: 716}
	narrowSheet = sheet{width: 344, lane: 44, from: 8, to: 336, stacked: true} // a phone
)

// svgInk is readable on white and on black: contrast 4.5 or more on both.
const svgInk = "#777777"

// A drawing writes SVG: nothing is loaded from elsewhere, nothing is run, all text is escaped.
type drawing struct {
	sheet
	body bytes.Buffer
	y    float64
}

// svgPictures writes pictures below each other.
func svgPictures(w io.Writer, title string, pictures []picture) error {
	d := &drawing{sheet: wideSheet, y: svgMargin}
	for _, line := range wrap(title, svgLetters(d.width-2*svgMargin)) {
		d.text(svgMargin, d.y+12, "font-weight='bold'", line)
		d.y += 18
	}
	for _, pic := range pictures {
		d.y += 8
		d.picture(pic)
	}
	return d.write(w, title)
}

// svgPicture writes one picture without its title, for a page that says it.
func svgPicture(w io.Writer, on sheet, pic picture) error {
	d := &drawing{sheet: on}
	d.chart(pic)
	d.y -= svgMargin
	return d.write(w, pic.title)
}

func (d *drawing) write(w io.Writer, title string) error {
	height := d.y + svgMargin
	_, err := fmt.Fprintf(w, "<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' viewBox='0 0 %.0f %.0f' "+
		"font-family='ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace' font-size='12' fill='%s' role='img'>\n<title>%s</title>\n%s</svg>\n",
		d.width, height, d.width, height, svgInk, xmlText(title), d.body.String())
	return err
}

// svgLetters is how many letters fit a width.
func svgLetters(width float64) int { return int(width / svgLetter) }

func (d *drawing) picture(pic picture) {
	for _, line := range wrap(pic.title, svgLetters(d.width-2*svgMargin)) {
		d.text(svgMargin, d.y+12, "", line)
		d.y += 18
	}
	if len(pic.lanes) > 0 {
		d.y += 4
		d.chart(pic)
	}
}

// chart is the picture below its title.
func (d *drawing) chart(pic picture) {
	d.makeRoom(pic)
	s := scaleOf(pic, d.to-d.from)
	top := d.y + 16
	bottom := top + float64(len(pic.lanes))*d.sheet.lane
	for _, tick := range s.ticks(svgLetter) {
		x := d.from + s.at(tick)
		d.add("<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s' stroke-opacity='0.3'/>\n", x, d.y+2, x, bottom, svgInk)
		d.text(x+4, d.y+12, "font-size='11'", short(tick))
	}
	d.y = top
	for _, l := range pic.lanes {
		d.lane(l, s)
	}
	d.legend(pic, s)
}

// leastBars is how much of the width is for the bars, whatever stands beside them.
const leastBars = 260

// makeRoom narrows the bars where what stands beside them would be cut.
func (d *drawing) makeRoom(pic picture) {
	if d.stacked {
		return
	}
	longest := 0
	for _, l := range pic.lanes {
		longest = max(longest, len([]rune(l.note)))
	}
	d.to = min(d.to, max(d.from+leastBars, d.width-20-float64(longest+1)*svgLetter))
}

func (d *drawing) lane(l lane, s scale) {
	middle := d.y + d.sheet.lane/2
	base := middle + 4
	if d.stacked {
		base, middle = d.y+15, d.y+30
	}
	weight := ""
	if l.blocks {
		weight = "font-weight='bold'"
		d.add("<rect x='4' y='%.1f' width='%.0f' height='%.0f' rx='4' fill='%s' fill-opacity='0.12'/>\n", d.y+1, d.width-8, d.sheet.lane-2, lookGate.fill)
		d.add("<path d='M%d %.1f l8 5 l-8 5 z' fill='%s'/>\n", 6, base-9, lookGate.fill)
	}
	if d.stacked {
		text := l.role + " " + cutMiddle(l.name, 20)
		if l.note != "" {
			text += ": " + l.note
		}
		d.text(svgMargin+4, base, weight, cutEnd(text, svgLetters(d.width-svgMargin-8)))
	} else {
		d.text(svgMargin+4, base, weight, l.role)
		d.text(svgMargin+64, base, weight, cutMiddle(l.name, svgLetters(d.from-svgMargin-72)))
	}
	for _, b := range l.bars {
		d.bar(b, s, middle)
	}
	if !d.stacked {
		d.text(d.to+12, base, weight, cutEnd(l.note, svgLetters(d.width-d.to-20)))
	}
	d.y += d.sheet.lane
}

func (d *drawing) bar(b bar, s scale, middle float64) {
	look := looks[b.state]
	from, to := s.at(b.from), s.at(b.to)
	width := max(to-from, 3)
	from = min(from, s.width-width)
	if dashes := dashed[look.name]; dashes != "" {
		d.dashes(d.from+from, d.from+from+width, middle, look.fill, dashes)
		return
	}
	d.add("<rect x='%.1f' y='%.1f' width='%.1f' height='%d' rx='2' fill='%s'/>\n", d.from+from, middle-svgBar/2, width, svgBar, look.fill)
	if b.failed {
		x := d.from + from + width
		d.add("<path d='M%.1f %.1f l8 8 m0 -8 l-8 8' stroke='%s' stroke-width='3' fill='none'/>\n", x-4, middle-4, lookFailed.fill)
	}
}

// dashed are the looks that are lines rather than bars, by name.
var dashed = map[string]string{looks[barWaiting].name: "2 4", looks[barForgotten].name: "8 4"}

func (d *drawing) dashes(from, to, y float64, color, dashes string) {
	d.add("<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s' stroke-width='2' stroke-dasharray='%s'/>\n", from, y, to, y, color, dashes)
}

func (d *drawing) legend(pic picture, s scale) {
	d.y += 6
	x := d.from
	for _, l := range pic.used() {
		if l.name == lookDone.name {
			continue // a bar that ends needs no explanation here
		}
		if d.stacked && x > d.from && x+17+float64(len(l.name))*svgLetter > d.width {
			x, d.y = d.from, d.y+18
		}
		if dashes := dashed[l.name]; dashes != "" {
			d.dashes(x, x+12, d.y+8, l.fill, dashes)
		} else {
			d.add("<rect x='%.1f' y='%.1f' width='12' height='10' rx='2' fill='%s'/>\n", x, d.y+3, l.fill)
		}
		d.text(x+17, d.y+12, "font-size='11'", l.name)
		x += 17 + float64(len(l.name))*svgLetter + 14
	}
	if s.unit > 0 {
		if d.stacked && x+12*svgLetter > d.width {
			x, d.y = d.from, d.y+18
		}
		d.text(x, d.y+12, "font-size='11'", "(log scale)")
	}
	d.y += 22
}

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(&d.body, format, args...) }

func (d *drawing) text(x, y float64, attributes, text string) {
	d.add("<text x='%.1f' y='%.1f' %s>%s</text>\n", x, y, attributes, xmlText(text))
}

// xmlText escapes text for XML, which knows no control characters.
func xmlText(text string) string {
	var out strings.Builder
	if err := xml.EscapeText(&out, []byte(line(text))); err != nil {
		return ""
	}
	return out.String()
}

// cutEnd shortens a text at its end to a number of letters.
func cutEnd(text string, letters int) string {
	runes := []rune(text)
	if len(runes) <= letters {
		return text
	}
	return string(runes[:letters-1]) + "…"
}

// cutMiddle shortens a text in its middle: names of containers differ at both ends.
func cutMiddle(text string, letters int) string {
	runes := []rune(text)
	if len(runes) <= letters {
		return text
	}
	head := (letters - 1) / 2
	return string(runes[:letters-1-head]) + "…" + string(runes[len(runes)-head:])
}
