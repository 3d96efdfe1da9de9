package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kubectl-sidecar/kubectl-sidecar/internal/collect"
	"github.com/kubectl-sidecar/kubectl-sidecar/internal/dumps"
	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

const hintFile = "take one with: kubectl sidecar snapshot -o FILE, or kubectl get nodes -o yaml > FILE"

// within returns what f does, unless ctx is over before: then f goes on to no purpose, and the process exits.
func within[T any](ctx context.Context, doing string, f func() (T, error)) (T, error) {
	var none T
	if ctx.Err() == nil {
		if value, err := collect.UntilDone(ctx, f, func(T) {}); err == nil || !errors.Is(err, ctx.Err()) {
			return value, err
		}
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return none, couldNotRun("give it more time: --timeout 10m", fmt.Errorf("the time for the run was over while %s", doing))
	}
	return none, &failure{err: fmt.Errorf("interrupted while %s", doing), code: exitInterrupted}
}

// readFiles reads one snapshot from what -f names; several are read as if they were one.
func readFiles(ctx context.Context, stdin io.Reader, names []string, recursive bool) (*facts.Snapshot, error) {
	if i := slices.Index(names, "-"); i >= 0 && slices.Contains(names[i+1:], "-") {
		return nil, usage("-f - once", "stdin can be read only once")
	}
	doing := "reading the files"
	if len(names) == 1 {
		doing = "reading " + display(names[0])
	}
	return within(ctx, doing, func() (*facts.Snapshot, error) {
		s, err := dumps.Read(ctx, dumps.Options{Names: names, Recursive: recursive, Stdin: stdin})
		var told *dumps.Error
		switch {
		case errors.As(err, &told) && told.Hint != "":
			return nil, couldNotRun(told.Hint, err)
		case err != nil:
			return nil, couldNotRun(hintFile, err)
		}
		return s, nil
	})
}

// addFiles registers -f and -R of a command that judges what was collected.
func addFiles(cmd *cobra.Command, files *[]string, recursive *bool) {
	cmd.Flags().StringArrayVarP(files, "filename", "f", nil, "Read this `file`, folder, archive or dump instead of a cluster; - is stdin; repeatable; docs/inputs.md says what")
	cmd.Flags().BoolVarP(recursive, "recursive", "R", false, "Read the folders in a folder of -f, too; those of dumps are always read")
}

func display(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

// readInput reads a file, or stdin, which may never end: then Ctrl-C does. hint is for what cannot be read.
func readInput(ctx context.Context, stdin io.Reader, name, hint string) ([]byte, error) {
	return within(ctx, "reading "+display(name), func() (data []byte, err error) {
		if name == "-" {
			data, err = io.ReadAll(io.LimitReader(stdin, facts.MaxFile+1))
		} else {
			data, err = readFile(name)
		}
		if err != nil {
			return nil, couldNotRun(hintFor(name, err, hint), fmt.Errorf("reading %s: %w", display(name), cause(err)))
		}
		return data, nil
	})
}

// hintFor is what to do about a name that kubectl's -f would take.
func hintFor(name string, err error, hint string) string {
	switch {
	case strings.HasPrefix(name, "https://"), strings.HasPrefix(name, "http://"):
		return "files only: download it first, or pipe it: curl -sSL URL | kubectl sidecar doctor -f -"
	case errors.Is(err, syscall.EISDIR):
		return "name the files in it: -f FILE, repeatable"
	}
	return hint
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, facts.MaxFile+1))
}

// cause is an error without the path, which the caller has said.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
