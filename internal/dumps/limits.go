package dumps

import (
	"context"
	"fmt"
	"io"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// limits are how much is read: files are read to be parsed, and may come from anybody.
type limits struct {
	// file is how large one file with objects may be, documents all of them together.
	file, documents int64
	// unpacked is how much archives may have in them, of which most is passed by; entries how many files.
	unpacked int64
	entries  int
	// logs is how much of logs is kept.
	logs int64
	// depth is how many archives may be in each other.
	depth int
	// directory is how long the table of contents of a zip file may be.
	directory int64
}

var usual = limits{
	file: facts.MaxFile, documents: 5 * facts.MaxFile, unpacked: 40 * facts.MaxFile, entries: 200_000, logs: 64 << 20, depth: 4, directory: 32 << 20,
}

// spending is how much was read so far.
type spending struct {
	documents, unpacked, logs int64
	entries                   int
}

// tooMuch is the error of more than is read.
func tooMuch(place, of string, limit int64) error {
	return &tooLarge{&Error{
		Err:  fmt.Errorf("%s: more than %d MB of %s, the most that is read", place, limit>>20, of),
		Hint: hintLarge,
	}}
}

const hintLarge = "unpack it, and name the folder or the files that matter: -f DIR"

// tooLarge ends the run, wherever in archives it is met.
type tooLarge struct{ err *Error }

func (e *tooLarge) Error() string { return e.err.Error() }
func (e *tooLarge) Unwrap() error { return e.err }

// watched is a stream that is read no longer than the run may take, and counts what comes out of an archive.
type watched struct {
	ctx   context.Context
	from  io.Reader
	place string
	spent *int64
	limit int64
}

func (w *watched) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.from.Read(p)
	if w.spent != nil {
		if *w.spent += int64(n); *w.spent > w.limit {
			return 0, tooMuch(w.place, "unpacked data", w.limit)
		}
	}
	return n, err
}

// patient ends a stream with the run.
func (r *reader) patient(from io.Reader) io.Reader { return &watched{ctx: r.ctx, from: from} }

// unpacked counts what comes out of an archive.
func (r *reader) unpacked(place string, from io.Reader) io.Reader {
	return &watched{ctx: r.ctx, from: from, place: place, spent: &r.spent.unpacked, limit: r.max.unpacked}
}

// entry counts a file.
func (r *reader) entry(place string) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.spent.entries++; r.spent.entries > r.max.entries {
		return &tooLarge{&Error{fmt.Errorf("%s: more than %d files, the most that are read", place, r.max.entries), hintLarge}}
	}
	return nil
}

// whole reads a file with objects.
func (r *reader) whole(from io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, r.max.file+1))
	if err == nil && int64(len(data)) > r.max.file {
		err = fmt.Errorf("larger than %d MB, the most that is read", r.max.file>>20)
	}
	return data, err
}
