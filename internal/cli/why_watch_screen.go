package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"golang.org/x/term"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// A screen shows what changes: lines, or on a terminal lines above the answer so far, which is drawn again.
type screen struct {
	out     io.Writer
	color   string
	reports bool // a report for each change instead of lines
	fd      int
	tty     bool
	below   int // lines that stand below the changes, and are drawn over
	ticker  *time.Ticker
}

func newScreen(out io.Writer, color string, to *openOutputs) *screen {
	s := &screen{out: out, color: color, reports: to.reports()}
	if fd, tty := terminal(out); tty && os.Getenv("TERM") != "dumb" && !s.reports {
		s.fd, s.tty, s.ticker = fd, true, time.NewTicker(time.Second)
	}
	return s
}

// tick is when the picture is drawn again, of what is known already; never where there is no terminal.
func (s *screen) tick() <-chan time.Time {
	if !s.tty {
		return nil
	}
	return s.ticker.C
}

// show writes the changes of a report.
func (s *screen) show(r *report.Report) error {
	if s.reports {
		if len(r.Changes) == 0 {
			return nil
		}
		return print.JSONLine(s.out, r)
	}
	if err := s.changes(r); err != nil {
		return err
	}
	s.redraw(r)
	return nil
}

// last writes the last changes; the answer follows.
func (s *screen) last(r *report.Report) error {
	if err := s.changes(r); err != nil {
		return err
	}
	_, err := fmt.Fprintln(s.out)
	return err
}

func (s *screen) changes(r *report.Report) error {
	s.clear()
	var b bytes.Buffer
	options := printOptions(s.out, s.color)
	if !s.tty {
		options.Width = 0
	} else if width, _, err := term.GetSize(s.fd); err == nil {
		options.Width = width
	}
	if err := print.Changes(&b, r.Changes, options); err != nil {
		return err
	}
	return writeTo(s.out, b.Bytes())
}

// note writes a line about the watch itself.
func (s *screen) note(text string) {
	if s.reports {
		return // the limits of the last report have it
	}
	s.clear()
	fmt.Fprintf(s.out, "%s  %s\n", time.Now().UTC().Format(time.RFC3339), print.Escape(text))
}

// redraw draws the answer so far, below the changes.
func (s *screen) redraw(r *report.Report) {
	if !s.tty {
		return
	}
	width, height, err := term.GetSize(s.fd)
	if err != nil || width <= 0 {
		width, height = defaultWidth, 24
	}
	options := printOptions(s.out, s.color)
	options.Width = min(options.Width, width)
	var page bytes.Buffer
	if print.Live(&page, r, options) != nil {
		return
	}
	text, lines := fit(page.String(), width, height-1)
	s.clear()
	fmt.Fprint(s.out, text)
	s.below = lines
}

// fit keeps of a page what a terminal can show, and counts the lines that it takes there.
func fit(page string, width, height int) (string, int) {
	var out strings.Builder
	lines := 0
	for line := range strings.Lines(page) {
		n := max((twwidth.Width(colors.ReplaceAllString(strings.TrimSuffix(line, "\n"), ""))+width-1)/width, 1)
		if lines+n > height {
			break
		}
		out.WriteString(line)
		lines += n
	}
	return out.String(), lines
}

var colors = regexp.MustCompile("\x1b\\[[0-9;]*m")

// clear takes away what stands below the changes.
func (s *screen) clear() {
	if s.below > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\r\x1b[J", s.below)
		s.below = 0
	}
}
