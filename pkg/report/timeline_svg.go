package report

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
	svgWidth  = 960
	svgMargin = 16
	svgLane   = 26
	svgBar    = 14
	svgName   = 264 // where the bars begin
	svgNote   = 716 // where they end
	svgLetter = 7.3 // of the monospaced font at 12 pixels
)

// svgInk is readable on white and on black: contrast 4.5 or more on both.
const svgInk = "#777777"

// A drawing writes SVG: nothing is loaded from elsewhere, nothing is run, all text is escaped.
type drawing struct {
	body bytes.Buffer
	y    float64
}

// svgPictures writes pictures below each other.
func svgPictures(w io.Writer, title string, pictures []picture) error {
	d := &drawing{y: svgMargin}
	for _, line := range wrap(title, svgLetters(svgWidth-2*svgMargin)) {
		d.text(svgMargin, d.y+12, "font-weight='bold'", line)
		d.y += 18
	}
	for _, pic := range pictures {
		d.y += 8
		d.picture(pic)
	}
	height := d.y + svgMargin
	_, err := fmt.Fprintf(w, "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%.0f' viewBox='0 0 %d %.0f' "+
		"font-family='ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace' font-size='12' fill='%s' role='img'>\n<title>%s</title>\n%s</svg>\n",
		svgWidth, height, svgWidth, height, svgInk, xmlText(title), d.body.String())
	return err
}

// svgLetters is how many letters fit a width.
func svgLetters(width float64) int { return int(width / svgLetter) }

func (d *drawing) picture(pic picture) {
	for _, line := range wrap(pic.title, svgLetters(svgWidth-2*svgMargin)) {
		d.text(svgMargin, d.y+12, "", line)
		d.y += 18
	}
	if len(pic.lanes) == 0 {
		return
	}
	d.y += 4
	s := scaleOf(pic, svgNote-svgName)
	top := d.y + 16
	bottom := top + float64(len(pic.lanes))*svgLane
	for _, tick := range s.ticks(svgLetter) {
		x := svgName + s.at(tick)
		d.add("<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s' stroke-opacity='0.3'/>\n", x, d.y+2, x, bottom, svgInk)
		d.text(x+4, d.y+12, "font-size='11'", short(tick))
	}
	d.y = top
	for _, l := range pic.lanes {
		d.lane(l, s)
	}
	d.legend(pic, s)
}

func (d *drawing) lane(l lane, s scale) {
	middle := d.y + svgLane/2
	base := middle + 4
	weight := ""
	if l.gate {
		weight = "font-weight='bold'"
		d.add("<rect x='4' y='%.1f' width='%d' height='%d' rx='4' fill='%s' fill-opacity='0.12'/>\n", d.y+1, svgWidth-8, svgLane-2, lookGate.fill)
		d.add("<path d='M%d %.1f l8 5 l-8 5 z' fill='%s'/>\n", 6, middle-5, lookGate.fill)
	}
	d.text(svgMargin+4, base, weight, l.role)
	d.text(svgMargin+64, base, weight, cutMiddle(l.name, svgLetters(svgName-svgMargin-72)))
	for _, b := range l.bars {
		d.bar(b, s, middle)
	}
	d.text(svgNote+12, base, weight, cutEnd(l.note, svgLetters(svgWidth-svgNote-20)))
	d.y += svgLane
}

func (d *drawing) bar(b bar, s scale, middle float64) {
	look := looks[b.state]
	from, to := s.at(b.from), s.at(b.to)
	width := max(to-from, 3)
	from = min(from, s.width-width)
	if dashes := dashed[look.name]; dashes != "" {
		d.dashes(svgName+from, svgName+from+width, middle, look.fill, dashes)
		return
	}
	d.add("<rect x='%.1f' y='%.1f' width='%.1f' height='%d' rx='2' fill='%s'/>\n", svgName+from, middle-svgBar/2, width, svgBar, look.fill)
	if b.failed {
		x := svgName + from + width
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
	x := float64(svgName)
	for _, l := range pic.used() {
		if l.name == lookDone.name {
			continue // a bar that ends needs no explanation here
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
