package cli

import (
	"io"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/tty"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

const (
	colorAuto   = tty.Auto
	colorAlways = tty.Always
	colorNever  = tty.Never

	defaultWidth = tty.Width
)

// printOptions is what the place that out leads to can show.
func printOptions(out io.Writer, color string) print.Options { return tty.Options(out, color) }

func terminal(w io.Writer) (fd int, ok bool) { return tty.Is(w) }
