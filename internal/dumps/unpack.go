package dumps

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// headSize is how much of a file tells what it is.
const headSize = 512

// A source is a file to read: its place is the way to it, with that within archives.
type source struct {
	place string
	from  io.Reader
	// named is set for what the user named, which has to be understood, also if it is compressed.
	named bool
	depth int
}

// open reads a file, whatever it is by its content.
func (r *reader) open(s source) error {
	in := bufio.NewReaderSize(s.from, 64<<10)
	head, err := in.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return r.failed(s, err)
	}
	s.from = in
	if s.depth > r.max.depth && packed(head) {
		return r.failed(s, fmt.Errorf("more than %d archives in each other", r.max.depth))
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return r.failed(s, err)
		}
		return r.compressed(s, unzipped)
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 10 && bytes.Equal(head[4:10], []byte{0x31, 0x41, 0x59, 0x26, 0x53, 0x59}):
		return r.compressed(s, bzip2.NewReader(in))
	case isTar(head):
		return r.tar(s)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return r.zip(s)
	}
	for _, f := range foreign {
		if bytes.HasPrefix(head, f.magic) {
			return r.failed(s, &Error{fmt.Errorf("%s is not unpacked here", f.name), "unpack it first: " + f.command})
		}
	}
	return r.file(s, head)
}

// foreign are the compressions that the standard library does not have.
var foreign = []struct {
	magic         []byte
	name, command string
}{
	{[]byte("\xfd7zXZ\x00"), "xz", "xz -dk FILE"},
	{[]byte("\x28\xb5\x2f\xfd"), "zstd", "zstd -d FILE"},
	{[]byte("7z\xbc\xaf\x27\x1c"), "7z", "7z x FILE"},
}

func packed(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0x1f, 0x8b}) || bytes.HasPrefix(head, []byte("BZh")) || isTar(head) || bytes.HasPrefix(head, []byte("PK\x03\x04"))
}

func isTar(head []byte) bool { return len(head) >= 262 && bytes.Equal(head[257:262], []byte("ustar")) }

// failed is what comes of a file that cannot be read: an error if the user named it, else it is named.
func (r *reader) failed(s source, err error) error {
	var known *Error
	isKnown := errors.As(err, &known)
	switch {
	case r.ctx.Err() != nil:
		return r.ctx.Err()
	case errors.As(err, new(*tooLarge)):
		return err
	}
	if isKnown {
		err = known.Err
	} else {
		err = damage(err)
	}
	if !s.named {
		r.missing(s.place, nil, err)
		return nil
	}
	out := &Error{Err: fmt.Errorf("%s: %w", s.place, err)}
	if isKnown {
		out.Hint = known.Hint
	}
	return out
}

// damage is the error of an archive in words.
func damage(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the archive ends in the middle: it is cut off")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, tar.ErrHeader), errors.Is(err, zip.ErrChecksum), errors.Is(err, zip.ErrFormat), errors.As(err, new(bzip2.StructuralError)):
		return fmt.Errorf("the archive is damaged: %w", err)
	}
	return err
}

// compressed reads what a compressed file has in it.
func (r *reader) compressed(s source, from io.Reader) error {
	s.from, s.depth = r.unpacked(s.place, from), s.depth+1
	return r.open(s)
}

// tar reads the files of an archive.
func (r *reader) tar(s source) error {
	r.packed = true
	end := &blocks{from: r.patient(s.from)}
	archive := tar.NewReader(end)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) && end.zeroes >= tarBlock {
			return nil
		}
		if err != nil {
			return r.failed(s, err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		place, err := r.within(s.place, h.Name)
		if err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse:
			err = r.open(source{place: place, from: r.unpacked(s.place, archive), depth: s.depth + 1})
			r.done[place] = true
		case tar.TypeDir:
		case tar.TypeSymlink:
			r.links = append(r.links, link{place, path.Join(path.Dir(place), h.Linkname)})
		case tar.TypeLink:
			r.links = append(r.links, link{place, path.Join(s.place, h.Linkname)})
		default:
			r.left = append(r.left, place+" (a device)")
		}
		if err != nil {
			return err
		}
	}
}

const tarBlock = 512

// blocks counts the zeroes at the end of an archive, which has at least one block of them: what is cut off between two
// files has none.
type blocks struct {
	from   io.Reader
	zeroes int
}

func (b *blocks) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if rest := len(bytes.TrimRight(p[:n], "\x00")); rest > 0 {
		b.zeroes = n - rest
	} else {
		b.zeroes += n
	}
	return n, err
}

// within is the place of a file of an archive. One that leads out of it comes from somebody who wants to write files:
// none are written here, but nothing else of that archive is believed either.
func (r *reader) within(archive, name string) (string, error) {
	if err := r.entry(archive); err != nil {
		return "", err
	}
	slashed := strings.ReplaceAll(name, `\`, "/")
	if path.IsAbs(slashed) || len(slashed) > 1 && slashed[1] == ':' || slices.Contains(strings.Split(slashed, "/"), "..") {
		return "", &Error{fmt.Errorf("%s: the path %q leads out of the archive: nothing of it is read", archive, name), "ask whoever made it for another one"}
	}
	return path.Join(archive, path.Clean(slashed)), nil
}

// zip reads the files of an archive whose table of contents is at its end: of a stream, all of it has to be there.
func (r *reader) zip(s source) error {
	r.packed = true
	at, size, err := r.seekable(s)
	if err != nil {
		return r.failed(s, err)
	}
	budget := &budgeted{at: at, left: r.max.directory}
	archive, err := zip.NewReader(budget, size)
	if err != nil {
		return r.failed(s, err)
	}
	budget.left = -1
	for _, f := range archive.File {
		place, err := r.within(s.place, f.Name)
		if err != nil {
			return err
		}
		if err := r.zipped(s, place, f); err != nil {
			return err
		}
	}
	return nil
}

// zipped reads one file of a zip file.
func (r *reader) zipped(s source, place string, f *zip.File) error {
	const encrypted = 1
	mode := f.Mode()
	switch {
	case f.Flags&encrypted != 0:
		return &Error{fmt.Errorf("%s: it is encrypted", place), "unpack it first: unzip FILE"}
	case mode.IsDir():
		return nil
	case mode&os.ModeSymlink != 0:
		r.links = append(r.links, link{place: place})
		return nil
	case !mode.IsRegular():
		r.left = append(r.left, place+" (a device)")
		return nil
	}
	inner := source{place: place, depth: s.depth + 1}
	in, err := f.Open()
	if err != nil {
		return r.failed(inner, err)
	}
	defer in.Close()
	inner.from = r.unpacked(s.place, in)
	r.done[place] = true
	return r.open(inner)
}

// seekable is a file that can be read in any order.
func (r *reader) seekable(s source) (io.ReaderAt, int64, error) {
	data, err := io.ReadAll(io.LimitReader(s.from, r.max.file+1))
	if err != nil {
		return nil, 0, err
	}
	if int64(len(data)) > r.max.file {
		return nil, 0, &Error{fmt.Errorf("a zip file of more than %d MB, the most that is read of one", r.max.file>>20), "unpack it first, and name the folder: -f DIR"}
	}
	return bytes.NewReader(data), int64(len(data)), nil
}

// budgeted bounds how much is read of a file; a negative budget is none.
type budgeted struct {
	at   io.ReaderAt
	left int64
}

func (b *budgeted) ReadAt(p []byte, offset int64) (int, error) {
	if b.left >= 0 {
		if b.left -= int64(len(p)); b.left < 0 {
			b.left = 0
			return 0, errors.New("its table of contents is too long")
		}
	}
	return b.at.ReadAt(p, offset)
}
