package print

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/checks/pods"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/prose"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// Changes writes one line for each change: when, about what, and what happened. Lines are not wrapped, so each can be
// found with grep; on a terminal the caller says how wide they may be.
func Changes(w io.Writer, list []pods.Change, o Options) error {
	p := newPage(w, o, false)
	for _, c := range each(list, cleanChange) {
		at := c.At.UTC().Format(time.RFC3339)
		m, words := changedText(c)
		text := whoChanged(c) + ": " + words
		if width := o.Width - len(at) - 4; o.Width > 0 {
			text = p.cut(text, max(width, 20))
		}
		symbol := m.symbol
		if !o.Unicode {
			symbol = m.ascii
		}
		p.print(p.paint(dim, at), "  ", p.paint(m.color, symbol), " ", text)
	}
	return p.w.Flush()
}

// markChange is of what just happens.
var markChange = mark{"·", "-", dim}

func whoChanged(c pods.Change) string {
	name := report.ObjectName(c.Object)
	switch {
	case c.Container == "" || c.What == pods.Waits || c.What == pods.Diagnosed || c.What == pods.Unclear: // whose words name it
		return name
	case c.Type == "sidecar":
		return name + " sidecar " + c.Container
	case c.Type == "init":
		return name + " init container " + c.Container
	}
	return name + " container " + c.Container
}

// plainChanges are the words for what needs no more.
var plainChanges = map[pods.Happening]string{
	pods.PodDeleting: "is being deleted", pods.PodGone: "is gone", pods.PodReady: "ready", pods.PodUnready: "not ready anymore",
	pods.ContainerReady: "ready", pods.ContainerNotReady: "not ready anymore", pods.Over: "what was said of it before no longer holds",
	pods.ProbeSucceeded: "startup probe succeeded",
}

// changedText is what happened, with its mark.
func changedText(c pods.Change) (mark, string) {
	if words := plainChanges[c.What]; words != "" {
		if c.What == pods.PodReady {
			return markPass, words
		}
		return markChange, words
	}
	switch c.What {
	case pods.PodAppeared:
		return markChange, with("was created", " by ", c.Reason)
	case pods.PodScheduled:
		return markChange, "got its node " + c.Reason
	case pods.PodSucceeded:
		return markPass, "completed"
	case pods.PodFailed:
		return markFail, with(with("failed", ": ", c.Reason), ": ", c.Message)
	case pods.Waits:
		return markProgress, "in progress: " + c.Message
	case pods.Unclear:
		return markUnknown, c.Message
	case pods.Diagnosed:
		return markFail, c.Message + " [" + c.Reason + "]"
	}
	return containerChangedText(c)
}

func containerChangedText(c pods.Change) (mark, string) {
	switch c.What {
	case pods.ImagePulling:
		return markChange, "image is being pulled"
	case pods.ImagePulled:
		if strings.HasPrefix(c.Message, "Container image ") { // the kubelet's words for one that was not pulled
			return markChange, "image is there: " + prose.Clause(c.Message)
		}
		return markChange, "image pulled: " + prose.Clause(c.Message)
	case pods.ContainerStarted:
		if c.Restarts > 0 {
			return markChange, fmt.Sprintf("started again (restart %d)", c.Restarts)
		}
		return markChange, "started"
	case pods.ContainerExited:
		words, m := "exited", markChange
		if c.ExitCode != nil {
			words = fmt.Sprintf("exited with code %d", *c.ExitCode)
			if *c.ExitCode != 0 {
				m = markWarn
			}
		}
		if c.Reason != "" {
			words += " (" + c.Reason + ")"
		}
		return m, words
	case pods.ContainerWaiting:
		return markWarn, waitingText(c)
	case pods.ProbeFailed:
		return markChange, probeFailedText(c)
	}
	return markWarn, with(c.Reason, ": ", c.Message)
}

func waitingText(c pods.Change) string {
	if c.Reason == "CrashLoopBackOff" {
		return fmt.Sprintf("now crash looping, %s so far", prose.Counted(int(c.Restarts), "restart"))
	}
	return with("waits: "+c.Reason, ": ", c.Message)
}

// probeFailedText is which probe failed: of a startup probe which of how many it may fail.
func probeFailedText(c pods.Change) string {
	words := c.Probe + " probe failed"
	if c.Failures > 0 {
		words = fmt.Sprintf("waiting for its %s probe: failure %d of %d", c.Probe, c.Failures, c.Allowed)
	}
	return with(words, ": ", c.Message)
}

// with appends more after between, if there is more.
func with(words, between, more string) string {
	if more == "" {
		return words
	}
	return words + between + more
}

func cleanChange(c pods.Change) pods.Change {
	c.Object, c.Container, c.Type = cleanObject(c.Object), line(c.Container), line(c.Type)
	c.What, c.Probe = pods.Happening(line(string(c.What))), line(c.Probe)
	c.Reason, c.Message = line(prose.OneLine(c.Reason)), line(prose.OneLine(c.Message))
	return c
}

// changesOf are those of a report that has some.
func changesOf(r *report.Report) []pods.Change {
	if r.Changes == nil {
		return nil
	}
	return each(r.Changes, cleanChange)
}

// JSONLine writes a report as JSON in one line, for those who read one after the other.
func JSONLine(w io.Writer, r *report.Report) error {
	return escaped(func(w io.Writer, r *report.Report, _ Options) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	})(w, r, Options{})
}

// Live writes what stands below the changes on a terminal for as long as `why --watch` goes on: the answer so far,
// and pictures.
func Live(w io.Writer, r *report.Report, o Options) error {
	r = clean(r)
	p := newPage(w, o, false)
	p.marked(whyMark(r), r.Summary)
	for i, d := range r.Entries() {
		if i == mostPictures {
			break
		}
		if len(d.Timeline) > 0 {
			p.picture(pictureOf(d, r.Until, true))
		}
	}
	return p.w.Flush()
}
