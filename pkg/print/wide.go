package print

import (
	"io"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// wide is text with nothing left out: a line for each node, every object, all evidence, and no
// wrapping, so that grep finds whole lines.
func wide(w io.Writer, r *report.Report, o Options) error { return newPage(w, o, true).report(r) }
