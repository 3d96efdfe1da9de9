package dumps

import (
	"bytes"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/facts"
)

// documentEndings are those of files with objects, as kubectl has it, and KYAML's.
var documentEndings = []string{".yaml", ".yml", ".json", ".kyaml"}

// beginsObject matches the first characters of files with objects.
var beginsObject = regexp.MustCompile(`^(?:\xef\xbb\xbf)?\s*(?:[{\[]|---\s|apiVersion:|kind:|items:)`)

// file reads a file that is not packed.
func (r *reader) file(s source, head []byte) error {
	ending := strings.ToLower(path.Ext(withoutPacking(s.place)))
	marked := startLine.Match(firstLine(head))
	switch {
	case r.manifests != nil:
		return r.manifest(s, ending)
	case s.named:
		return r.split(s)
	case marked:
		return r.markedLogs(s)
	case slices.Contains(documentEndings, ending):
		return r.split(s)
	case ending == ".log":
		return r.log(s)
	case beginsObject.Match(head) || utf16(head):
		return r.split(s)
	}
	r.left = append(r.left, s.place)
	return nil
}

func utf16(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff})
}

func firstLine(head []byte) []byte {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return append(bytes.Clone(line), '\n')
}

// decoded is a stream in UTF-8: PowerShell writes UTF-16 with ">".
func (r *reader) decoded(from io.Reader, head []byte) (io.Reader, error) {
	if !utf16(head) {
		return from, nil
	}
	data, err := r.whole(from)
	if err != nil {
		return nil, err
	}
	text, err := facts.Text(data)
	return bytes.NewReader(text), err
}
