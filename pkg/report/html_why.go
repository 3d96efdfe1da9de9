package report

import (
	"html/template"
	"io"
	"strings"
)

// An htmlCause is the diagnoses with one root cause.
type htmlCause struct {
	Cause     string
	Diagnoses []htmlDiagnosis
}

type htmlDiagnosis struct {
	Diagnosis
	Open bool
	// Several says that the page has other diagnoses: its summary is not the sentence about this one.
	Several bool
	// Wide and Narrow are the same picture for a desk and for a phone; empty when there is none.
	Title        string
	Wide, Narrow template.HTML
	Rows         []htmlRow
}

// An htmlRow is a lane of the picture in words.
type htmlRow struct {
	Role, Name, Note string
	Gate             bool
}

// mostHTMLPictures keeps a page about a broken cluster light enough for a phone.
const mostHTMLPictures = 50

// htmlWhy is the page of `why`.
func htmlWhy(w io.Writer, r *Report, _ Options) error {
	p := newHTMLPage(r)
	p.Command, p.Answer = "why", whyVerdicts[r.Verdict]
	list := byCause(r.Diagnoses)
	for _, h := range holes(r) {
		p.Holes = append(p.Holes, htmlHoleOf(h.gapGroup))
	}
	for i, d := range list {
		if i == 0 || list[i-1].RootCause != d.RootCause {
			p.Causes = append(p.Causes, htmlCause{Cause: d.RootCause})
		}
		h := htmlDiagnosis{Diagnosis: d, Open: i < mostPictures, Several: len(list) > 1}
		if i < mostHTMLPictures && len(d.Timeline) > 0 {
			if err := h.draw(pictureOf(d, r.Until, !r.TakenAt.IsZero())); err != nil {
				return err
			}
		}
		last := &p.Causes[len(p.Causes)-1]
		last.Diagnoses = append(last.Diagnoses, h)
	}
	return p.write(w)
}

// draw makes both pictures. They are trusted: timeline_svg.go writes them, and escapes all text.
func (h *htmlDiagnosis) draw(pic picture) error {
	var wide, narrow strings.Builder
	if err := svgPicture(&wide, wideSheet, pic); err != nil {
		return err
	}
	if err := svgPicture(&narrow, narrowSheet, pic); err != nil {
		return err
	}
	h.Title = pic.title
	for _, l := range pic.lanes {
		h.Rows = append(h.Rows, htmlRow{Role: l.role, Name: l.name, Note: l.note, Gate: l.gate})
	}
	h.Wide, h.Narrow = template.HTML(wide.String()), template.HTML(narrow.String())
	return nil
}
