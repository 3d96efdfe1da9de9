package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/print"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/report"
)

// Exit codes besides those of a report.
const (
	exitCouldNotRun = 1
	exitUsage       = 2
	exitInterrupted = 130 // 128 + SIGINT, as shells count it
)

// A failure is why there is no result, and what to do about it.
type failure struct {
	err  error
	hint string // may be empty
	code int
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage is a wrong command line.
func usage(hint, format string, args ...any) error {
	return &failure{err: fmt.Errorf(format, args...), hint: hint, code: exitUsage}
}

// couldNotRun is a command line that is right and an outside world that is not.
func couldNotRun(hint string, err error) error {
	return &failure{err: err, hint: hint, code: exitCouldNotRun}
}

// An exit is the code of a result that was printed: nothing more is to be said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// conclude says what went wrong, in one line and a hint, and returns the exit code.
func conclude(stderr io.Writer, err error) int {
	var (
		code        exit
		f           *failure
		unreachable *collect.UnreachableError
	)
	switch {
	case err == nil:
		return report.ExitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &f):
	case errors.As(err, &unreachable):
		f = &failure{err: err, hint: unreachable.Hint, code: exitCouldNotRun}
	default:
		f = &failure{err: err, code: exitCouldNotRun}
	}
	// Errors quote files and servers.
	fmt.Fprintf(stderr, "error: %s\n", print.Escape(cutLines(facts.RedactText(f.Error()))))
	if f.hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", print.Escape(facts.RedactText(f.hint)))
	}
	return f.code
}

// mostOfLine is how much of one line of an error is printed: a server may say anything.
const mostOfLine = 1000

// cutLines shortens the lines of an error that are far too long.
func cutLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if runes := []rune(line); len(runes) > mostOfLine {
			lines[i] = string(runes[:mostOfLine]) + "…"
		}
	}
	return strings.Join(lines, "\n")
}

// flagError turns a flag that cannot be parsed into a wrong command line.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		invalid *pflag.InvalidValueError
		choice  *choiceError
	)
	help := fmt.Sprintf("see %s --help", cmd.CommandPath())
	switch {
	case errors.As(err, &unknown) && (unknown.GetSpecifiedName() == "v"):
		return usage("--show-requests lists every request", "kubectl's -v is not a flag of %s, which logs nothing", cmd.CommandPath())
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var flags []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, "--"+f.Name) })
		hint := help
		if best := nearest("--"+unknown.GetSpecifiedName(), flags); best != "" {
			hint = "did you mean " + best + "?"
		}
		return usage(hint, "unknown flag --%s of %s", unknown.GetSpecifiedName(), cmd.CommandPath())
	case errors.As(err, &choice) && errors.As(err, &invalid):
		return usage(didYouMean(choice.typed, choice.valid), "--%s: %w", invalid.GetFlag().Name, choice)
	case errors.As(err, &invalid):
		return usage(help, "--%s: %w", invalid.GetFlag().Name, invalid.Unwrap())
	}
	return usage(help, "%w", err)
}

// A choice is a flag with a few valid values.
type choice struct {
	value string
	valid []string
}

// A choiceError is a value that is not among them.
type choiceError struct {
	typed string
	valid []string
}

func (e *choiceError) Error() string {
	return fmt.Sprintf("%q is not one of %s", e.typed, strings.Join(e.valid, ", "))
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.valid, "|") }
func (c *choice) Set(s string) error {
	if !slices.Contains(c.valid, s) {
		return &choiceError{typed: s, valid: c.valid}
	}
	c.value = s
	return nil
}

// addChoice registers a flag with a few valid values; the first is the default.
func addChoice(cmd *cobra.Command, c *choice, name, shorthand, help string) {
	if c.value == "" {
		c.value = c.valid[0]
	}
	cmd.Flags().VarP(c, name, shorthand, help)
	complete(cmd, name, c.valid)
}

// didYouMean is a hint with the valid value that is closest to what was typed, else all of them.
func didYouMean(typed string, valid []string) string {
	if best := nearest(typed, valid); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return "valid are: " + strings.Join(valid, ", ")
}

// nearest is the valid value at the smallest edit distance, "" when none is near. The distance is
// cobra's, which also counts a prefix as near.
func nearest(typed string, valid []string) string {
	list := &cobra.Command{}
	for _, v := range valid {
		list.AddCommand(&cobra.Command{Use: v, Run: func(*cobra.Command, []string) {}})
	}
	for distance := 1; distance <= max(2, len(typed)/3); distance++ {
		list.SuggestionsMinimumDistance = distance
		if found := list.SuggestionsFor(typed); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// exitWith ends a command that has printed its result: with the exit code of that, or of Ctrl-C.
func exitWith(ctx context.Context, code int) error {
	switch {
	case ctx.Err() != nil:
		return exit(exitInterrupted)
	case code != report.ExitOK:
		return exit(code)
	}
	return nil
}
