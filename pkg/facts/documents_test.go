package facts

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestReadManyDocuments: a file is read in a time that grows as it does. In one that grows with its square, this
// would take an hour.
func TestReadManyDocuments(t *testing.T) {
	start := time.Now()
	if _, err := Read(strings.NewReader(strings.Repeat("---\n", 10_000_000)+"apiVersion: v1\nkind: Node\nmetadata: {name: a}\n"), "f"); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 10*time.Minute {
		t.Errorf("took %v", took)
	}
}

func TestLineCounter(t *testing.T) {
	c := lineCounter{raw: []byte("a\nb\n\nc"), line: 1}
	for _, test := range []struct {
		offset int64
		line   int
	}{{0, 1}, {1, 1}, {2, 2}, {2, 2}, {5, 4}, {6, 4}, {99, 4}} {
		if got := c.at(test.offset); got != test.line {
			t.Errorf("byte %d is in line %d, want %d", test.offset, got, test.line)
		}
	}
}

// TestDocumentLines: an error names the line of the file, whatever stands before it.
func TestDocumentLines(t *testing.T) {
	const fine = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
	for text, want := range map[string]string{
		"\n\n---\n# x\n---   # y\n" + fine + "...\n---\t\r\nkind: Node\n":    "f: document 2 (line 11): no Kubernetes object: it has no kind or no apiVersion",
		"---\r\n\r\n" + fine + "---\r\n\r\n\r\nkind: [\r\n":                  "f: line 9: did not find expected node content: the file looks cut off",
		fine + "--- not a separator of documents\nkind: Node\n":              "f: document 2 (line 5): no Kubernetes object: it has no kind or no apiVersion",
		"{\"apiVersion\":\"v1\",\"kind\":\"Namespace\"}\n\n{\"kind\":\"a\"}": "f: document 2 (line 3): no Kubernetes object: it has no kind or no apiVersion",
	} {
		if _, err := Read(strings.NewReader(text), "f"); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

// TestManifests: a pod without a status is not one that is starting, and what a name that no cluster gives is an error.
func TestManifests(t *testing.T) {
	s, err := Read(strings.NewReader("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b, uid: b}\n"), "f")
	if err != nil || len(s.Pods) != 1 || s.Pods[0].Name != "b" || len(s.Gaps) != 1 || !s.Gaps[0].NoPods() ||
		s.Gaps[0].Reason != "the pod a has no status: it is a manifest, not a pod of a cluster" {
		t.Errorf("%v, %+v", err, s)
	}
	_, err = Read(strings.NewReader("apiVersion: v1\nkind: Pod\nmetadata: {name: b, uid: b}\nspec: {containers: [{name: x}, {image: img}]}\n"), "f")
	if want := `f: Pod "b": a container without a name cannot come from a cluster`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestRepeatedKeys: nobody knows which of the two counts.
func TestRepeatedKeys(t *testing.T) {
	for text, want := range map[string]string{
		"apiVersion: v1\nkind: Node\n---\napiVersion: v1\nkind: Pod\nspec:\n  a: 1\n  b: 2\n  a: 3\n": `f: line 9: the key "a" is there already, in line 7: which of the two counts is not known`,
		"{\"apiVersion\": \"v1\", \"kind\": \"Node\", \"spec\": {}, \"spec\": {}}":                    `f: document 1 (line 1): read Node: duplicate field "spec"`,
		"a: &a {x: 1}\nb: {<<: *a, x: 2}\napiVersion: v1\nkind: Node\n":                               "",
	} {
		_, err := Read(strings.NewReader(text), "f")
		if got := fmt.Sprint(err); err != nil && got != want || (err == nil) != (want == "") {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}
