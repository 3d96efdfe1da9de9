package print

import (
	"fmt"
	"io"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// mostAwaited is how many lines a look has; the report at the end has all.
const mostAwaited = 10

// awaitedMarks are those of what became of something.
var awaitedMarks = map[report.Change]mark{
	report.Gone: markPass, report.Regained: markPass, report.WaivedNow: markWaived, report.Unseen: markUnknown, report.Lost: markUnknown,
}

// awaitedWords say what became of it; what was found at first, and what changed, needs none.
var awaitedWords = map[report.Change]string{
	report.Appeared: "new: ", report.Gone: "gone: ", report.Unseen: "may be gone: ", report.Lost: "no longer seen: ",
	report.Regained: "seen again: ", report.Unwaived: "no longer waived: ", report.WaivedNow: "waived now: ", report.Changed: "now: ",
}

// Awaited writes one line for each thing that a wait goes on for, with the time of the look.
func Awaited(w io.Writer, at time.Time, list []report.Awaited, o Options) error {
	p := newPage(w, o, true)
	when := at.UTC().Format(time.RFC3339)
	for i, a := range list {
		if i == mostAwaited {
			p.print(p.paint(dim, when), fmt.Sprintf("  +%d more", len(list)-i))
			break
		}
		m, known := awaitedMarks[a.Change]
		switch {
		case known:
		case a.Unseen:
			m = markUnknown
		default:
			m = markFail
		}
		symbol := m.symbol
		if !o.Unicode {
			symbol = m.ascii
		}
		object := line(a.Object)
		if object != "" {
			object += ": "
		}
		p.print(p.paint(dim, when), "  ", p.paint(m.color, symbol), " ", awaitedWords[a.Change], object, line(a.Message), " [", line(a.Check), "]")
	}
	return p.w.Flush()
}
