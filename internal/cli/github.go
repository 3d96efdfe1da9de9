package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

// stepSummary names the file whose Markdown GitHub shows beside a run of a workflow.
const stepSummary = "GITHUB_STEP_SUMMARY"

// summaryLimit is how much GitHub takes for one step; a longer summary is not shown at all.
const summaryLimit = 1 << 20

// A summary is the place for a page of Markdown besides the annotations of a step.
type summary struct {
	file string
	page print.Format
}

// summary is nil unless annotations were asked for and GitHub runs this.
func (o *outputs) summary() *summary {
	file := os.Getenv(stepSummary)
	page := slices.IndexFunc(o.formats, func(f print.Format) bool { return f.Name == "markdown" })
	if file == "" || page < 0 || !slices.ContainsFunc(o.typed, func(t output) bool { return t.format.Annotates }) {
		return nil
	}
	return &summary{file: file, page: o.formats[page]}
}

// append adds the page to what the step wrote before, and leaves out what there is no room for.
func (s *summary) append(d document) (err error) {
	const hint = "it is the file of " + stepSummary + "; all else was written"
	defer func() {
		if err != nil {
			err = couldNotRun(hint, fmt.Errorf("adding the report to %s: %w", s.file, cause(err)))
		}
	}()
	f, err := os.OpenFile(s.file, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	const least = 1 << 10 // of any use
	room := summaryLimit - int(min(info.Size(), summaryLimit)) - len("\n")
	if room < least {
		return errors.New("GitHub's limit of 1 MiB is reached")
	}
	data, err := printed(s.page, d, print.Options{Unicode: true, Limit: room})
	if err != nil {
		return err
	}
	if info.Size() > 0 {
		data = slices.Concat([]byte("\n"), data)
	}
	_, err = f.Write(data)
	return err
}
