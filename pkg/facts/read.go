package facts

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaxFile is how large an input file may be, in bytes.
const MaxFile = 100 << 20

// Read reads a snapshot that [Snapshot.Write] wrote, or what kubectl prints with -o yaml or
// -o json: objects, lists, several documents. A kind of which there is an object counts as looked
// for; what is not in the file was not. Objects are reduced as they are from a cluster. name is
// that of the file, for errors.
func Read(r io.Reader, name string) (*Snapshot, error) { return read(r, name, false) }

// ReadStrict is Read that refuses unknown fields, repeated keys and unknown kinds, for test data.
func ReadStrict(r io.Reader, name string) (*Snapshot, error) { return read(r, name, true) }

func read(r io.Reader, name string, strict bool) (*Snapshot, error) {
	s, err := readAll(r, strict)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func readAll(r io.Reader, strict bool) (*Snapshot, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > MaxFile {
		return nil, fmt.Errorf("larger than %d MB, the most that is read", MaxFile>>20)
	}
	raw, err = toUTF8(raw)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, errors.New("the file is empty")
	}
	docs, err := documents(raw, strict)
	if err != nil {
		return nil, err
	}
	f := file{strict: strict, snapshot: newSnapshot()}
	for _, d := range docs {
		if err := f.add(d); err != nil {
			return nil, fmt.Errorf("document %d (line %d): %w", d.number, d.line, err)
		}
	}
	return f.finish()
}

func newSnapshot() *Snapshot {
	return &Snapshot{TypeMeta: metav1.TypeMeta{APIVersion: APIVersion, Kind: SnapshotKind}}
}

// toUTF8 decodes what PowerShell writes with ">", and refuses what is no text.
func toUTF8(raw []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(raw, []byte{0xEF, 0xBB, 0xBF}):
		raw = raw[3:]
	case bytes.HasPrefix(raw, []byte{0xFF, 0xFE}):
		return fromUTF16(raw[2:], binary.LittleEndian), nil
	case bytes.HasPrefix(raw, []byte{0xFE, 0xFF}):
		return fromUTF16(raw[2:], binary.BigEndian), nil
	}
	if i := bytes.IndexByte(raw, 0); i >= 0 {
		return nil, fmt.Errorf("neither YAML nor JSON: it is not a text file (byte %d is zero)", i)
	}
	return raw, nil
}

func fromUTF16(raw []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}
