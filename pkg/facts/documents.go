package facts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-sidecar/kubectl-sidecar/pkg/pattern"
)

// A document is one of several in a file, as JSON.
type document struct {
	number, line int
	json         []byte
}

// documents splits a file. Documents without content are left out.
func documents(raw []byte, strict bool) ([]document, error) {
	raw = bytes.TrimRight(raw, " \t\r\n")
	if start := bytes.TrimLeft(raw, " \t\r\n"); bytes.HasPrefix(start, []byte("{")) || bytes.HasPrefix(start, []byte("[")) {
		docs, err := jsonDocuments(raw)
		var syntax *json.SyntaxError
		if err == nil || !errors.As(err, &syntax) || looksLikeJSON.Match(raw) {
			return docs, err
		}
		// A YAML mapping in braces, or a list in brackets.
	}
	return yamlDocuments(raw, strict)
}

// looksLikeJSON matches a mapping whose first key is quoted.
var looksLikeJSON = pattern.New(`^\s*\{\s*"`)

func jsonDocuments(raw []byte) ([]document, error) {
	var docs []document
	d := json.NewDecoder(bytes.NewReader(raw))
	lines := lineCounter{raw: raw, line: 1}
	for {
		start := d.InputOffset()
		var doc json.RawMessage
		err := d.Decode(&doc)
		var syntax *json.SyntaxError
		switch {
		case errors.Is(err, io.EOF):
			return docs, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, fmt.Errorf("line %d: the JSON ends in the middle: the file is cut off", lineAt(raw, int64(len(raw))))
		case errors.As(err, &syntax):
			return nil, fmt.Errorf("line %d: neither YAML nor JSON: %w", lineAt(raw, syntax.Offset), err)
		case err != nil:
			return nil, err
		}
		start += int64(len(raw[start:]) - len(bytes.TrimLeft(raw[start:], " \t\r\n")))
		docs = append(docs, document{number: len(docs) + 1, line: lines.at(start), json: doc})
	}
}

// A lineCounter tells in which line a byte is. It counts on from where it was last asked: a file may have a million
// documents.
type lineCounter struct {
	raw    []byte
	offset int64
	line   int
}

// at is the number of the line with the byte at an offset, which is not before the last one.
func (c *lineCounter) at(offset int64) int {
	offset = min(offset, int64(len(c.raw)))
	c.line += bytes.Count(c.raw[c.offset:offset], []byte("\n"))
	c.offset = offset
	return c.line
}

// lineAt is the number of the line with the byte at offset, for errors: it counts from the beginning.
func lineAt(raw []byte, offset int64) int {
	return 1 + bytes.Count(raw[:min(int(offset), len(raw))], []byte("\n"))
}

// separates reports whether a line is one between two YAML documents; what follows the dashes may be a comment.
func separates(line []byte) bool {
	if !bytes.HasPrefix(line, []byte("---")) && !bytes.HasPrefix(line, []byte("...")) {
		return false
	}
	rest := bytes.TrimRight(line[3:], "\r\n")
	return len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t'
}

func yamlDocuments(raw []byte, strict bool) ([]document, error) {
	var docs []document
	number, start, first := 0, 0, 1 // first is the line that start is in
	line, offset := 1, 0
	end := func(at int) error {
		text := raw[start:at]
		if blank(text) {
			return nil
		}
		number++
		if err := tooManyValues(text, first); err != nil {
			return err
		}
		doc, err := toJSON(text, strict)
		if err != nil {
			return yamlError(err, first, lineAt(raw, int64(len(raw))))
		}
		if string(doc) != "null" {
			// The line of the content, not that of the separator before it.
			content := first + bytes.Count(text[:len(text)-len(bytes.TrimLeft(text, " \t\r\n"))], []byte("\n"))
			docs = append(docs, document{number: number, line: content, json: doc})
		}
		return nil
	}
	for text := range bytes.Lines(raw) {
		if separates(text) {
			if err := end(offset); err != nil {
				return nil, err
			}
			// What follows begins with the line break: an error counts its lines from there.
			start, first = offset+len(bytes.TrimRight(text, "\r\n")), line
		}
		offset += len(text)
		line++
	}
	if err := end(len(raw)); err != nil {
		return nil, err
	}
	return docs, nil
}

// blank reports whether a YAML text has nothing but comments.
func blank(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

func toJSON(text []byte, strict bool) ([]byte, error) {
	if err := expansion(text); err != nil {
		return nil, err
	}
	doc, err := yaml.YAMLToJSONStrict(text)
	if err == nil {
		return doc, nil
	}
	if twice := repeatedKey(text); twice != nil {
		return nil, twice
	}
	if strict {
		return nil, err
	}
	return yaml.YAMLToJSON(text) // a merged key that stands beside its own value is fine
}

// yamlLine is how the parser says where in the document an error is.
var yamlLine = pattern.New(`line (\d+): `)

// beginning is what the parsers say before what is wrong.
var beginning = pattern.New(`^(error converting YAML to JSON: )?(yaml: )?(unmarshal errors:\s+)?`)

// unfinished is how the parser says that something is missing.
var unfinished = pattern.New(`(could|did) not find expected|unexpected end`)

// yamlError puts the line of the file into a parser's error. Something that is missing at the very
// end of the file means that the file is cut off.
func yamlError(err error, first, last int) error {
	var alias *aliasError
	if errors.As(err, &alias) {
		return fmt.Errorf("line %d: %w", first+alias.line-1, err)
	}
	var twice *repeatedError
	if errors.As(err, &twice) {
		return fmt.Errorf("line %d: the key %q is there already, in line %d: which of the two counts is not known", first+twice.second-1, twice.key, first+twice.first-1)
	}
	text := err.Error()
	at := first
	if m := yamlLine.FindStringSubmatchIndex(text); m != nil {
		n, _ := strconv.Atoi(text[m[2]:m[3]])
		at = first + n - 1
		text = text[:m[0]] + text[m[1]:]
	}
	text = beginning.ReplaceAllString(text, "")
	if at >= last-1 && unfinished.MatchString(text) {
		return fmt.Errorf("line %d: %s: the file looks cut off", min(at, last), text)
	}
	return fmt.Errorf("line %d: neither YAML nor JSON: %s", at, text)
}

// anchor matches what may be a YAML anchor. Without one there is nothing to expand.
var anchor = pattern.New(`(?m)(^|[\s\[{,:-])&[^\s&]`)

// expansion refuses a document whose aliases would make it larger than a file may be.
func expansion(text []byte) error {
	if !anchor.Match(text) {
		return nil
	}
	var root yamlv3.Node
	if err := yamlv3.Unmarshal(text, &root); err != nil {
		return err
	}
	_, err := expandedSize(&root, map[*yamlv3.Node]int{})
	return err
}

// An aliasError is about what aliases stand for.
type aliasError struct {
	line int
	text string
}

func (e *aliasError) Error() string { return e.text }

// expandedSize is about how many bytes a node has with all aliases written out; -1 in known marks a
// node that is being looked at.
func expandedSize(n *yamlv3.Node, known map[*yamlv3.Node]int) (int, error) {
	if n.Kind == yamlv3.AliasNode {
		n = n.Alias
	}
	if size, ok := known[n]; ok {
		if size < 0 {
			return 0, &aliasError{n.Line, "an anchor contains itself"}
		}
		return size, nil
	}
	known[n] = -1
	size := len(n.Value) + 4
	for _, child := range n.Content {
		s, err := expandedSize(child, known)
		if err != nil {
			return 0, err
		}
		if size += s; size > MaxFile {
			return 0, &aliasError{n.Line, fmt.Sprintf("with its aliases written out this is larger than %d MB, the most that is read", MaxFile>>20)}
		}
	}
	known[n] = size
	return size, nil
}
