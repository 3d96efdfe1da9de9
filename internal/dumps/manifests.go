package dumps

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
)

// A File is one of an archive.
type File struct {
	// Place is the way to it, with that within the archive.
	Place string
	Data  []byte
}

// Packed reports whether a file is compressed, or an archive, by how it begins.
func Packed(data []byte) bool { return packed(data[:min(len(data), headSize)]) }

// Unpack reads the manifests of a compressed file or an archive: files that end as those that are read in folders do.
func Unpack(ctx context.Context, place string, from io.Reader) ([]File, error) {
	r := newReader(ctx, Options{})
	out := []File{}
	r.manifests = &out
	if err := r.open(source{place: place, from: r.patient(from), named: true}); err != nil {
		return nil, err
	}
	switch {
	case len(r.unread) > 0:
		return nil, fmt.Errorf("%s: %s", r.unread[0].place, r.unread[0].reason)
	case len(out) == 0:
		return nil, fmt.Errorf("%s: no file in it ends in .yaml, .yml, .json or .kyaml", place)
	}
	return out, nil
}

// manifest takes a file as it is.
func (r *reader) manifest(s source, ending string) error {
	if !s.named && !slices.Contains(documentEndings, ending) {
		return nil
	}
	data, err := r.whole(s.from)
	if err != nil {
		return r.failed(s, err)
	}
	if r.spent.documents += int64(len(data)); r.spent.documents > r.max.documents {
		return tooMuch(s.place, "manifests", r.max.documents)
	}
	*r.manifests = append(*r.manifests, File{s.place, bytes.Clone(data)})
	return nil
}
