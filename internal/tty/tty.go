// Package tty knows what the place that output goes to can show.
package tty

import (
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
)

// When to use color.
const (
	Auto   = "auto"
	Always = "always"
	Never  = "never"
)

// What prose is wrapped at: Width where nobody knows, and on a terminal its width within reason.
const (
	Width    = 80
	minWidth = 40
	maxWidth = 120
)

// Options is what the place that out leads to can show.
func Options(out io.Writer, color string) print.Options {
	o := print.Options{Width: Width, Unicode: unicodeLocale()}
	fd, tty := Is(out)
	o.Color = color == Always || color == Auto && tty && colorTerminal()
	if !tty {
		if width, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && width > 0 {
			o.Width = min(max(width, minWidth), maxWidth)
		}
		return o
	}
	if width, _, err := term.GetSize(fd); err == nil && width > 0 {
		o.Width = min(max(width, minWidth), maxWidth)
	}
	return o
}

// Is reports whether w is a terminal, and which.
func Is(w io.Writer) (fd int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}

// colorTerminal is kubectl's rule for terminals (k8s.io/kubectl pkg/util/term, AllowsColorOutput).
func colorTerminal() bool {
	if _, set := os.LookupEnv("NO_COLOR"); set || os.Getenv("TERM") == "dumb" {
		return false
	}
	return runtime.GOOS != "windows" || os.Getenv("WT_SESSION") != ""
}

// unicodeLocale reports whether the user's locale can show more than ASCII: the first of the three
// variables that is set decides, as in setlocale(3).
func unicodeLocale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(os.Getenv(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return os.Getenv("WT_SESSION") != "" // Windows Terminal, where locales are not in the environment
}
