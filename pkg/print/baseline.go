package print

import (
	"io"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// Baseline writes the findings of r as a baseline file, and returns how many lines it has.
func Baseline(w io.Writer, r *report.Report) (int, error) { return report.WriteBaseline(w, clean(r)) }
