package print

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// Measures of the short form: it is pasted into chats and tickets, which wrap, and show a screen.
const (
	shortProblems = 7
	shortHoles    = 3
	shortWhat     = 150 // letters of what is wrong
	shortEvidence = 130
	shortLine     = 600
)

// shortForm is what one pastes into a ticket: at most 15 lines, each a thing of its own that is not
// wrapped, in ASCII.
func shortForm(w io.Writer, r *report.Report, _ Options) error {
	s := &summarized{}
	s.add("%s", r.Summary)
	list := problems(r)
	for i, p := range list {
		if i == shortProblems && len(list) > i+1 {
			s.add("[...] %s more", prose.Counted(len(list)-i, "finding"))
			break
		}
		s.add("%s", shortProblem(p))
	}
	s.holes(r)
	s.about(r)
	_, err := io.WriteString(w, s.out.String())
	return err
}

// summarized gathers lines.
type summarized struct{ out strings.Builder }

// add writes a line, cut where a name in it makes it longer than anybody reads.
func (s *summarized) add(format string, args ...any) {
	s.whole(cutEnd(fmt.Sprintf(format, args...), shortLine))
}

// whole writes a line that is to be copied.
func (s *summarized) whole(line string) { s.out.WriteString(ascii(line) + "\n") }

func shortProblem(p problem) string {
	line := "[" + p.check.Severity.String() + "] "
	if on := p.on(2); on != "" {
		line += on + ": "
	}
	line += cutEnd(p.message, shortWhat)
	if e := telling(p.findings[0].Evidence); e != "" {
		line += " - " + e
	}
	return line + " [" + p.check.ID + "]"
}

// telling is as much of the evidence as there is room for, from the first line on.
func telling(evidence []string) string {
	if len(evidence) == 0 {
		return ""
	}
	out := cutEnd(evidence[0], shortEvidence)
	for _, e := range evidence[1:] {
		if len(out)+len("; ")+len(e) > shortEvidence {
			break
		}
		out += "; " + e
	}
	return out
}

// holes has a line for each thing that could not be seen.
func (s *summarized) holes(r *report.Report) {
	list := holes(r)
	for i, h := range list {
		if i == shortHoles && len(list) > i+1 {
			s.add("[...] %d more not seen", len(list)-i)
			break
		}
		s.add("[not seen] %s: %s [%s]", h.what(one), cutEnd(h.why(), shortWhat), atMost(2, h.ids))
	}
}

// about says what the answer is about, and when it was true.
func (s *summarized) about(r *report.Report) {
	if len(r.Limits) > 0 {
		s.add("limited: %s", cutEnd(strings.Join(r.Limits, "; "), 2*shortWhat))
	}
	s.add("%s, kubectl-sidecar %s", subject(r), r.Tool.Version)
}

// clusterName is what the report is about.
func clusterName(r *report.Report) string {
	cluster := "cluster " + r.Cluster.Server
	if r.Cluster.Server == "" {
		cluster = "cluster not named in the file"
	}
	if r.Cluster.Version != "" {
		cluster += ", Kubernetes " + r.Cluster.Version
	}
	return cluster
}

// seenAt is when that was looked at.
func seenAt(r *report.Report) string {
	if r.TakenAt.IsZero() {
		return "at an unknown time"
	}
	return r.TakenAt.UTC().Format(time.RFC3339)
}
