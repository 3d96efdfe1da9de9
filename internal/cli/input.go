package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

const hintFile = "take one with: kubectl sidecar snapshot -o FILE, or kubectl get nodes -o yaml > FILE"

// readFiles reads one snapshot from files; several are read as if they were one.
func readFiles(ctx context.Context, stdin io.Reader, names []string) (*facts.Snapshot, error) {
	if i := slices.Index(names, "-"); i >= 0 && slices.Contains(names[i+1:], "-") {
		return nil, usage("-f - once", "stdin can be read only once")
	}
	var all bytes.Buffer
	var snapshot *facts.Snapshot
	for _, name := range names {
		data, err := readInput(ctx, stdin, name, hintFile)
		if err != nil {
			return nil, err
		}
		if snapshot, err = facts.Read(bytes.NewReader(data), display(name)); err != nil {
			return nil, couldNotRun(hintFile, err)
		}
		fmt.Fprintf(&all, "---\n%s\n", data)
	}
	if len(names) == 1 {
		return snapshot, nil
	}
	snapshot, err := facts.Read(&all, "the files together")
	if err != nil {
		return nil, couldNotRun(hintFile, err)
	}
	return snapshot, nil
}

func display(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

// readInput reads a file, or stdin, which may never end: then Ctrl-C does. hint is for what cannot be read.
func readInput(ctx context.Context, stdin io.Reader, name, hint string) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		if name == "-" {
			r.data, r.err = io.ReadAll(io.LimitReader(stdin, facts.MaxFile+1))
		} else {
			r.data, r.err = readFile(name)
		}
		done <- r
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, couldNotRun(hint, fmt.Errorf("reading %s: %w", display(name), cause(r.err)))
		}
		return r.data, nil
	case <-ctx.Done():
		return nil, &failure{err: fmt.Errorf("interrupted while reading %s", display(name)), code: exitInterrupted}
	}
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
